"""`ninai providers diff` and `merge`: two PostgreSQL databases that differ become one chain, with a real service."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from observability.secret import Secret
from providers.embedders.settings import NoEmbedderSettings
from providers.native.embedded import EmbeddedServer
from providers.native.settings import NativeSettings
from providers.owners import Owner
from providers.types import Snapshot
from tests.support.native import host_for
from tests.support.postgres import create_database, drop_database, reachable_folder
from tests.support.service import Service, running_service
from tests.support.states import live, tombstone

USER = "kannan"
PATIENCE = 30.0  # seconds
COMMON, OWN, NEWER, GONE, GONE_TOO = (
    live(USER, text) for text in ("in both", "b alone", "changed", "gone", "gone, too")
)


@pytest.fixture
def databases(postgres_server: EmbeddedServer) -> Iterator[dict[str, str]]:
    """The dsns of two databases; of a deletion and of a change each alone knows one, and one holds what is its own."""
    # From an empty template, since a copied store has the identity of its original.
    dsns = {name: asyncio.run(create_database(postgres_server, "template1")) for name in ("a", "b")}
    put(dsns["a"], [COMMON, NEWER, GONE_TOO, tombstone(GONE, 2_000)])
    changed = live(USER, "changed once more", 3_000, id=NEWER.id)
    put(dsns["b"], [COMMON, GONE, OWN, changed, tombstone(GONE_TOO, 2_000)])
    yield dsns
    for dsn in dsns.values():
        asyncio.run(drop_database(postgres_server, dsn))


def put(dsn: str, states: Sequence[Snapshot]) -> None:
    """Put states into a database, past every service."""

    async def work() -> None:
        async with NativeSettings(dsn=Secret(dsn), embedder=NoEmbedderSettings()).open(host_for()) as store:
            assert set(await store.put_many(states)) == {None}

    asyncio.run(work())


def held(dsn: str) -> list[tuple[str, str | None]]:
    """Return what a database holds."""

    async def work() -> list[tuple[str, str | None]]:
        async with NativeSettings(dsn=Secret(dsn), embedder=NoEmbedderSettings()).open(host_for()) as store:
            return [(state.id, state.content) for state in await store.snapshots(Owner(USER))]

    return asyncio.run(work())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account can reach."""
    with reachable_folder() as made:
        yield made


def variables(databases: dict[str, str]) -> dict[str, str]:
    """Return the environment of a chain of the two."""
    settings = {"NINAI__ORDER": "a,b", "NINAI__CHAIN__RETENTION__KEEP": "300"}
    for name, dsn in databases.items():
        settings[f"NINAI__PROVIDERS__{name.upper()}__KIND"] = "native"
        settings[f"NINAI__PROVIDERS__{name.upper()}__DSN"] = dsn
        settings[f"NINAI__PROVIDERS__{name.upper()}__EMBEDDER__KIND"] = "none"
    return settings


def run(*arguments: str, **environ: str) -> Result:
    """Run `ninai providers`."""
    return CliRunner().invoke(main, ["providers", *arguments], env=environ)


def wait_for(service: Service, role: str, reason: str = "") -> None:
    """Wait until `b` has a role, for a reason."""
    deadline = time.monotonic() + PATIENCE
    while True:
        told = httpx.get(f"{service.url}/admin/providers/b", trust_env=False).json()
        if told["role"] == role and reason in (told["reason"] or ""):
            return
        assert time.monotonic() < deadline, told
        time.sleep(0.1)


@pytest.mark.thorough
def test_two_stores_that_differ_become_one_chain(databases: dict[str, str], folder: Path) -> None:
    """The refused one says the command; it shows what differs, merges both ways, and both are complete and equal."""
    environ = variables(databases)
    # A journal that is founded over both would refuse two stores that hold different memories.
    alone = {name: value for name, value in environ.items() if "PROVIDERS__B" not in name}
    with running_service(folder, alone | {"NINAI__ORDER": "a", "NINAI__JOURNAL__KIND": "sqlite"}) as service:
        assert service.terminate() == 0
    with running_service(folder, environ) as service:
        wait_for(service, "filling", "run `ninai providers merge b`")
        before = run("diff", "a", "b", "--url", service.url, "--json")
        merged = run("merge", "b", "--url", service.url)
        wait_for(service, "standby")
        after = run("diff", "a", "b", "--url", service.url)
        assert service.terminate() == 0

    told = json.loads(before.stdout)
    # What one alone knew as deleted the backfill has brought to the other before it refused what `b` holds.
    assert (told["live"]["b"], told["deleted"]["b"]) == (3, 2)
    assert told["differing"] == {"a": {"missing": 1, "older": 1}, "b": {}}
    assert (merged.exit_code, merged.stderr) == (0, "")
    assert merged.stdout.startswith("1 user compared: 2 states put, ")
    assert (after.exit_code, after.stdout.splitlines()[-1]) == (0, "a and b hold the same")
    living = [(COMMON.id, "in both"), (OWN.id, "b alone"), (NEWER.id, "changed once more")]
    assert held(databases["a"]) == held(databases["b"]) == sorted([*living, (GONE.id, None), (GONE_TOO.id, None)])

    # Without the service, on the same journal.
    late = live(USER, "late")
    put(databases["b"], [late])
    offline = ("--offline", "--data-dir", str(service.data_dir))
    shown = run("diff", "a", "b", *offline, **environ)
    done = run("merge", "b", *offline, **environ)
    unknown = run("merge", "c", *offline, **environ)
    assert shown.stdout.splitlines()[-1].split() == [USER, late.id, "missing", "-", "no"]
    assert (done.exit_code, done.stdout) == (
        0,
        "1 user compared: 1 state put, 0 copies of deleted memories are being deleted\n",
    )
    assert (late.id, "late") in held(databases["a"])
    assert (unknown.exit_code, unknown.stderr) == (2, 'Error: "c" is not in the order, which is: a, b\n')


def test_a_provider_is_not_compared_with_itself() -> None:
    """A usage error, before anybody is asked."""
    result = run("diff", "a", "a")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "these are one provider" in result.stderr


def test_without_a_journal_nothing_is_opened(tmp_path: Path) -> None:
    """A chain that has never run has nothing to merge."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(tmp_path)}
    result = run("merge", "mock", "--offline", **environ)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
