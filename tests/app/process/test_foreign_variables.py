"""What a shell says about another database reaches neither the embedded server nor what connects to it."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy import make_url

from providers.native.embedded import EmbeddedServer, folder_of
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.service import Service, ninai, running_service

# What asyncpg or libpq take from the environment, each with what keeps them from our server if they heed it.
HOSTILE = {
    "PGAPPNAME": "another",
    "PGCHANNELBINDING": "require",
    "PGCLIENTENCODING": "LATIN1",
    "PGCONNECT_TIMEOUT": "nonsense",
    "PGDATABASE": "nowhere",
    "PGDATA": "/nonexistent",
    "PGDATESTYLE": "German",
    "PGGSSDELEGATION": "1",
    "PGGSSENCMODE": "require",
    "PGGSSLIB": "nonsense",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGKRBSRVNAME": "nobody",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGMAXPROTOCOLVERSION": "nonsense",
    "PGMINPROTOCOLVERSION": "latest",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGPASSWORD": "wrong",
    "PGPORT": "1",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "nobody-at-all",
    "PGREQUIRESSL": "1",
    "PGSERVICE": "nothing",
    "PGSERVICEFILE": "/nonexistent/service.conf",
    "PGSSLCERT": "/nonexistent/client.crt",
    "PGSSLCERTMODE": "require",
    "PGSSLCOMPRESSION": "1",
    "PGSSLCRL": "/nonexistent/root.crl",
    "PGSSLCRLDIR": "/nonexistent",
    "PGSSLKEY": "/nonexistent/client.key",
    "PGSSLMAXPROTOCOLVERSION": "TLSv0",
    "PGSSLMINPROTOCOLVERSION": "TLSv9",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLROOTCERT": "/nonexistent/root.crt",
    "PGSSLSNI": "nonsense",
    "PGSYSCONFDIR": "/nonexistent",
    "PGTARGETSESSIONATTRS": "standby",
    "PGTZ": "Nowhere/Nothing",
    "PGUSER": "nobody",
}
# Of these one at a time reaches asyncpg before anything else does, and is enough.
ALONE = ["PGSSLMODE", "PGTARGETSESSIONATTRS", "PGSSLNEGOTIATION", "PGGSSLIB", "PGPASSFILE"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


@pytest.fixture
def hostile(folder: Path) -> dict[str, str]:
    """All of the variables, and among them a password file that is none."""
    return {**HOSTILE, "PGPASSFILE": str(unreadable(folder))}


def unreadable(folder: Path) -> Path:
    """A private file, as a password file must be, that is no text."""
    file = folder / "passwords"
    file.write_bytes(b"\xff\xfe\xff")
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return file


def assert_commands_work(data_dir: Path, variables: dict[str, str]) -> None:
    """Every command that connects to the embedded server reaches it."""
    for command in (["db", "check"], ["db", "history"], ["db", "upgrade"], ["doctor"], ["providers", "test", "native"]):
        done = ninai(*command, "--data-dir", data_dir, **variables)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"{command}: {done.stdout} {done.stderr}"


def assert_serves(service: Service) -> None:
    """It stores, and finds what it has stored."""
    with httpx.Client(base_url=service.url, trust_env=False, timeout=10) as client:
        assert client.post("/memory/remember", json={"content": "Tamil poetry"}).status_code == httpx.codes.OK
        found = client.post("/memory/recall", json={"query": "poetry"}).json()["memories"]
    assert "Tamil poetry" in [memory["content"] for memory in found]


def test_no_variable_of_the_drivers_is_missing_here() -> None:
    """Whatever the sources of asyncpg name is among those that the tests set."""
    source = (Path(asyncpg.__file__).parent / "connect_utils.py").read_text("utf-8")

    read = set(re.findall(r"""(?:getenv|environ\.get)\(\s*["'](PG\w+)""", source))
    assert read > {"PGSSLMODE", "PGTARGETSESSIONATTRS", "PGPASSFILE"}
    assert read <= {*HOSTILE, "PGPASSFILE"}


@pytest.mark.thorough
def test_the_service_and_its_commands_work_in_a_foreign_shell(folder: Path, hostile: dict[str, str]) -> None:
    """The database is made, used, and looked at beside the service; afterwards commands run the server themselves."""
    variables = hostile | patience_for("native")
    with running_service(folder, variables) as service:
        assert_serves(service)
        assert_commands_work(service.data_dir, variables)
        service.terminate()
        service.wait_until_gone()

    assert_commands_work(service.data_dir, variables)


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.thorough
def test_none_of_the_variables_reaches_the_server_alone(folder: Path, hostile: dict[str, str], name: str) -> None:
    """Where several are set, one may hide another."""
    server = EmbeddedServer(folder_of(folder, "native"))
    with server.running():
        done = ninai("db", "upgrade", "--data-dir", folder, **{name: hostile[name]})

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.thorough
def test_an_operators_own_dsn_heeds_the_shell(folder: Path) -> None:
    """What the dsn leaves open is the shell's to say, as with every PostgreSQL client."""
    server = EmbeddedServer(folder_of(folder, "native"))
    with server.running():
        dsn = f"postgresql://ninai@/ninai?host={make_url(server.dsn).query['host']}"
        told = ninai("db", "upgrade", DATABASE_URL=dsn, PGPORT="5432")
        misled = ninai("db", "upgrade", DATABASE_URL=dsn, PGPORT="1")

    assert (told.returncode, misled.returncode) == (0, 1), told.stderr
