"""The order of the providers and their embedded servers, in services as processes."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.postgres import reachable_folder
from tests.support.service import Service, ninai, running_service

PATIENCE = 30.0  # seconds

TWO_SERVERS = """order = ["native", "spare"]
[providers.spare]
kind = "native"
"""
THIRD_SERVER = """
[providers.third]
kind = "native"
"""
TWO_MOCKS = """order = {order}
[providers.a]
kind = "mock"
[providers.b]
kind = "mock"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can reach."""
    with reachable_folder() as made:
        yield made


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    """The configuration of two embedded servers."""
    with reachable_folder() as made:
        path = made / "ninai.toml"
        path.write_text(TWO_SERVERS)
        yield path


@pytest.fixture(scope="module")
def shared(file: Path) -> Iterator[Service]:
    """A service over two embedded servers, which every test leaves running and complete."""
    with running_service(file.parent, {"NINAI_CONFIG": str(file)}) as service:
        wait_until(lambda: roles(service) == {"native": "home", "spare": "standby"})
        yield service


def wait_until(truth: Callable[[], bool]) -> None:
    """Return as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.05)


def ask(service: Service, method: str, path: str, body: object = None) -> httpx.Response:
    """Send one request."""
    return httpx.request(method, f"{service.url}{path}", json=body, trust_env=False, timeout=10)


def roles(service: Service) -> dict[str, str]:
    """The role of every provider."""
    return {one["name"]: one["role"] for one in ask(service, "GET", "/admin/providers").json()["providers"]}


def pending(service: Service) -> int:
    """How many deliveries the journal still owes."""
    return sum(one["pending"] for one in ask(service, "GET", "/admin/journal").json()["backlogs"])


def order(service: Service) -> dict[str, Any]:
    """What is told of the order."""
    answer: dict[str, Any] = ask(service, "GET", "/admin/providers/order").json()
    return answer


def recalled(service: Service, query: str) -> tuple[list[str], str | None]:
    """What is found first, and why the answer is degraded."""
    response = ask(service, "POST", "/memory/recall", {"query": query, "limit": 1})
    return [one["content"] for one in response.json()["memories"]], response.headers.get("memory-degraded")


def events(service: Service, name: str) -> list[dict[str, Any]]:
    """What the service has logged under a name."""
    lines = [json.loads(line) for line in service.said().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def db(service: Service, *arguments: str) -> tuple[int, str, str]:
    """Run `ninai db`, and give its exit code and what it said."""
    file = service.folder / "ninai.toml"
    options = ["--config", str(file)] if file.exists() else []
    done = ninai(*options, "db", *arguments, "--data-dir", service.data_dir)
    return done.returncode, done.stdout, done.stderr


def postmaster(folder: Path) -> int | None:
    """The process of a server, None while it has none."""
    with contextlib.suppress(OSError, IndexError):
        return int((folder / "data" / "postmaster.pid").read_text().split()[0])
    return None


@pytest.mark.soak
def test_home_is_taken_down_and_brought_back(shared: Service) -> None:
    """While home's server is down for maintenance writes are accepted and found; afterwards it gets them all."""
    stopped = db(shared, "stop")
    status = db(shared, "status")[1].splitlines()
    written = ask(shared, "POST", "/memory/remember", {"content": "the ferry leaves at nine"})
    found = recalled(shared, "ferry")
    owed = pending(shared)
    started = db(shared, "start", "native")
    wait_until(lambda: pending(shared) == 0)
    wait_until(lambda: recalled(shared, "ferry") == (["the ferry leaves at nine"], None))

    main = shared.main.pid
    assert (stopped, started) == ((0, "native is stopped\n", ""), (0, "native is running\n", ""))
    assert [line.split("  ")[:3] for line in status] == [
        ["native", "stopped", f"process {main}"],
        ["spare", "running", f"process {main}"],
    ]
    assert (written.status_code, written.json()["status"]) == (202, "accepted")
    assert written.headers["memory-degraded"] == "home_unavailable"
    assert found == (["the ferry leaves at nine"], "home_unavailable")
    assert owed == 1
    assert ask(shared, "GET", f"/memory/memories/{written.json()['memory_id']}").headers["memory-provider"] == "native"


@pytest.mark.soak
@pytest.mark.parametrize("name", ["native", "spare"])
def test_a_server_that_is_lost_comes_back(shared: Service, name: str) -> None:
    """When one of several servers is killed the service goes on, and starts it again by itself."""
    folder = shared.data_dir / ("postgres" if name == "native" else f"postgres-{name}")
    before = postmaster(folder)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    written = ask(shared, "POST", "/memory/remember", {"content": f"{name} was killed"})

    wait_until(lambda: postmaster(folder) not in {before, None})
    wait_until(lambda: db(shared, "status")[1].count("  running  ") == 2)
    wait_until(lambda: pending(shared) == 0)
    assert written.status_code in {200, 202}
    assert name in [event["provider"] for event in events(shared, "embedded_server_lost")]
    assert shared.main.poll() is None


@pytest.mark.soak
def test_a_server_for_a_newcomer_is_started(shared: Service, file: Path) -> None:
    """A provider that a changed file brings into the order gets a server of its own, and is filled."""
    wait_until(lambda: recalled(shared, "tea")[1] is None)
    file.write_text(TWO_SERVERS.replace('"spare"]', '"spare", "third"]') + THIRD_SERVER)
    wait_until(lambda: roles(shared).get("third") == "standby")

    assert (shared.data_dir / "postgres-third" / "data").is_dir()
    file.write_text(TWO_SERVERS)
    wait_until(lambda: list(roles(shared)) == ["native", "spare"])


@pytest.mark.soak
def test_an_order_set_by_the_api_is_told_at_the_start(shared: Service) -> None:
    """A service that starts with an order other than the configured one says so, and who set it."""
    ask(shared, "PUT", "/admin/providers/order", {"order": ["spare", "native"]})
    assert shared.terminate() == 0
    shared.wait_until_gone()
    shared.start()
    [told] = events(shared, "order_override_in_force")
    home = roles(shared)["spare"]
    ask(shared, "PUT", "/admin/providers/order", {"order": ["native", "spare"]})

    assert (told["order"], told["instead_of"], told["set_by"]) == (
        ["spare", "native"],
        ["native", "spare"],
        "anonymous",
    )
    assert home == "home"


@pytest.mark.thorough
def test_hangup_reads_the_file_and_keeps_the_workers(folder: Path) -> None:
    """SIGHUP has a file looked at without replacing workers; a broken one changes nothing and is told."""
    file = folder / "ninai.toml"
    file.write_text(TWO_MOCKS.format(order='["a", "b"]'))
    with running_service(folder, {"NINAI_CONFIG": str(file), "NINAI__LOG__LEVEL": "info"}) as service:
        before = service.workers()
        file.write_text("order = [")
        service.main.send_signal(signal.SIGHUP)
        wait_until(lambda: len(events(service, "configuration_refused")) == 1)
        kept = order(service)["order"]
        file.write_text(TWO_MOCKS.format(order='["b", "a"]'))
        service.main.send_signal(signal.SIGHUP)
        wait_until(lambda: bool(order(service)["order"] == ["b", "a"]))

        assert kept == ["a", "b"]
        assert service.workers() == before


@pytest.mark.soak
def test_hangup_reads_also_what_no_date_tells(folder: Path, database: str) -> None:
    """SIGHUP to the main process has every worker read again, also where no watched file is another one."""
    secret = folder / "dsn"
    secret.write_text("postgresql://u:p@127.0.0.1:1/one")
    variables = {
        "NINAI__ORDER": "a,b",
        "NINAI__PROVIDERS__A__KIND": "native",
        "NINAI__PROVIDERS__A__DSN": database,
        "NINAI__PROVIDERS__B__KIND": "native",
        "NINAI__PROVIDERS__B__DSN_FILE": str(secret),
        "NINAI__SERVER__WORKERS": "2",
    }
    with running_service(folder, variables) as service:
        secret.write_text("postgresql://u:p@127.0.0.1:1/two")
        service.main.send_signal(signal.SIGHUP)

        wait_until(lambda: len(events(service, "configuration_in_force")) == 2)
        assert [event["changed"] for event in events(service, "configuration_in_force")] == [["providers.b"]] * 2


@pytest.mark.soak
def test_an_order_that_cannot_be_put_in_force_ends_the_start(folder: Path) -> None:
    """Where every store is another one than the journal knows, the start ends with one line and code 2."""
    variables = {
        "NINAI__ORDER": "a,b",
        "NINAI__PROVIDERS__A__KIND": "mock",
        "NINAI__PROVIDERS__B__KIND": "mock",
        "NINAI__DATA_DIR": str(folder / "data"),
    }
    with running_service(folder, variables) as service:
        service.terminate()

    refused = ninai("serve", "--port", "0", **variables)

    [line] = refused.stderr.splitlines()
    assert refused.returncode == 2
    assert "is another store than the one that received everything" in line


@pytest.mark.thorough
def test_a_journal_that_cannot_be_written_ends_the_start(folder: Path) -> None:
    """A journal that cannot be opened is told in one line, with code 1: it may be possible the next time."""
    (folder / "taken").write_text("")
    refused = ninai(
        "serve",
        "--port",
        "0",
        NINAI__DATA_DIR=str(folder / "data"),
        NINAI__ORDER="a,b",
        NINAI__PROVIDERS__A__KIND="mock",
        NINAI__PROVIDERS__B__KIND="mock",
        NINAI__JOURNAL__KIND="sqlite",
        NINAI__JOURNAL__PATH=str(folder / "taken" / "journal"),
    )

    [line] = refused.stderr.splitlines()
    assert refused.returncode == 1
    assert line.startswith(f"Error: journal {folder / 'taken' / 'journal'}: ")


@pytest.mark.thorough
def test_a_single_provider_whose_journal_is_lost_ends_the_start(folder: Path, database: str) -> None:
    """What its journal may have held is told in one line and with code 2, as for several, and not by each worker."""
    variables = {
        "NINAI__ORDER": "native",
        "NINAI__PROVIDERS__NATIVE__DSN": database,
        "NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "none",
        "NINAI__DATA_DIR": str(folder / "data"),
    }
    with running_service(folder, variables | {"NINAI__JOURNAL__KIND": "sqlite"}) as service:
        ask(service, "POST", "/memory/remember", {"content": "tea"})
        service.kill_everything()
    lose_journal(folder / "data")

    refused = ninai("serve", "--port", "0", **variables)

    [line] = refused.stderr.splitlines()
    assert refused.returncode == 2
    assert line.startswith("Error: the journal ")
    assert "is gone, and may have held what native lacks" in line
    assert journal_files(folder / "data") == []


@pytest.mark.thorough
def test_a_refused_start_leaves_no_journal_where_the_former_one_was(folder: Path, database: str) -> None:
    """Whoever brings the former one back finds its place free."""
    variables = {
        "NINAI__ORDER": "native,b",
        "NINAI__PROVIDERS__NATIVE__DSN": database,
        "NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "none",
        "NINAI__PROVIDERS__B__KIND": "mock",
        "NINAI__DATA_DIR": str(folder / "data"),
    }
    with running_service(folder, variables) as service:
        ask(service, "POST", "/memory/remember", {"content": "tea"})
        service.terminate()
    lose_journal(folder / "data")

    refused = ninai("serve", "--port", "0", **variables)

    [line] = refused.stderr.splitlines()
    assert refused.returncode == 2
    assert "the journal is new, and native belong to another one" in line
    assert journal_files(folder / "data") == []


def journal_files(data_dir: Path) -> list[Path]:
    """The files of a journal that are there."""
    return [*data_dir.glob("journal.sqlite3*")]


def lose_journal(data_dir: Path) -> None:
    """Delete the files of the journal."""
    lost = journal_files(data_dir)
    assert lost
    for file in lost:
        file.unlink()
