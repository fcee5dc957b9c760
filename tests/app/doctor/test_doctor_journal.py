"""What the doctor finds about the journal, and that it makes none."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from observability.secret import Secret
from providers.examination.outcome import CheckStatus
from providers.journal.examination import LONGEST_PENDING_SECONDS, dead_of, pending_of
from providers.journal.operations import Backlog, Dead, JournalStatus
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import FILE_NAME, SqliteJournalSettings
from providers.native.embedded import EmbeddedServer
from providers.states.clock import COUNTER_BITS
from tests.app.doctor.examining import WITHOUT_VECTORS, found, wrong
from tests.providers.journal.rig import delete, host_in, names_in, put, remember, settle
from tests.support.holding import holding
from tests.support.postgres import connected, create_database, drop_database

CANARY = "canary-7Qx"
MOCKS = {"NINAI__ORDER": "a,b", "NINAI__PROVIDERS__A__KIND": "mock", "NINAI__PROVIDERS__B__KIND": "mock"}


@pytest_asyncio.fixture
async def elsewhere(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of an empty database, in the same cluster as every other of the tests."""
    dsn = await create_database(postgres_server, "template1")
    yield dsn
    await drop_database(postgres_server, dsn)


def in_postgres(dsn: str) -> dict[str, str]:
    """The settings of a journal there; the test machine may be slow."""
    return {"NINAI__JOURNAL__KIND": "postgres", "NINAI__JOURNAL__DSN": dsn, "NINAI__JOURNAL__TIMEOUT": "10"}


def status(*, pending: int = 0, dead: int = 0, oldest: float = 0.0) -> JournalStatus:
    """A journal of one member."""
    backlog = Backlog(provider="a", pending=pending, dead=dead, oldest_seconds=oldest)
    return JournalStatus(operations=1, tombstones=0, last_seq=1, backlogs=(backlog,))


async def test_a_journal_in_a_file_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    """A dead letter is a warning; what has just become due is none."""
    async with SqliteJournalSettings().open(host_in(tmp_path)) as journal:
        await journal.join("a", "store of a")
        seq = (await put(journal, remember())).seq
        await settle(journal, Dead(seq=seq, provider="a", error="refused"))
        await put(journal, remember())
    before = (names_in(tmp_path), (tmp_path / FILE_NAME).read_bytes())

    findings = await found(NINAI__DATA_DIR=str(tmp_path), **MOCKS)

    assert wrong(findings) == {"journal.dead": CheckStatus.WARNING}
    assert findings["journal"].found == "2 operations, 0 of them tombstones, for a"
    assert findings["journal.pending"].found.startswith("a 1, the oldest ")
    assert findings["journal.dead"].found == "a 1"
    assert "ninai journal retry" in (findings["journal.dead"].advice or "")
    assert (names_in(tmp_path), (tmp_path / FILE_NAME).read_bytes()) == before


def test_what_waits_for_long_is_a_warning() -> None:
    """A deliverer would have made it by then."""
    late = status(pending=1, oldest=LONGEST_PENDING_SECONDS + 1)

    assert pending_of(late).status is CheckStatus.WARNING
    assert pending_of(status(pending=1, oldest=1.0)).status is CheckStatus.OK
    assert pending_of(status()).found == "nothing is pending"
    assert dead_of(status()).found == "no dead letters"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "there is no journal yet: the service makes "),
        ({"NINAI__ORDER": "a"}, "there is no journal: a single provider needs none"),
        ({"NINAI__ORDER": "a", "NINAI__JOURNAL__KIND": "none"}, 'there is no journal: journal.kind is "none"'),
    ],
)
async def test_where_there_is_no_journal_none_is_made(tmp_path: Path, variables: dict[str, str], words: str) -> None:
    """Which is nothing wrong."""
    findings = await found(NINAI__DATA_DIR=str(tmp_path), **MOCKS | variables)

    assert wrong(findings) == {}
    assert findings["journal"].status is CheckStatus.SKIPPED
    assert findings["journal"].found.startswith(words)
    assert findings["journal.dead"].found == "needs journal"
    assert names_in(tmp_path) == []


async def test_a_journal_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """An installation that has its id has had a journal, without which several providers are not started."""
    (tmp_path / "installation").write_text("ours\n")

    findings = await found(NINAI__DATA_DIR=str(tmp_path), **MOCKS)

    assert wrong(findings) == {"journal.file": CheckStatus.ERROR}
    assert f"the journal {tmp_path / FILE_NAME} is gone" in findings["journal.file"].found
    assert "ninai journal adopt" in (findings["journal.file"].advice or "")
    assert findings["journal"].found == "needs journal.file"
    assert names_in(tmp_path) == ["installation"]


async def test_a_service_that_works_with_a_journal_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """Whatever is in the place of the file that it has open."""
    with holding(tmp_path / FILE_NAME) as process:
        for name in names_in(tmp_path):
            (tmp_path / name).unlink()
        async with SqliteJournalSettings().open(host_in(tmp_path)):
            findings = await found(NINAI__DATA_DIR=str(tmp_path), **MOCKS)

    assert wrong(findings) == {"journal.file": CheckStatus.ERROR}
    assert findings["journal.file"].found.startswith(f"process {process} still works with a journal")


async def test_what_is_no_journal_is_an_error(tmp_path: Path) -> None:
    """Nothing is read out of it."""
    (tmp_path / FILE_NAME).write_text("something else, and longer than the head of a database" * 10)

    findings = await found(NINAI__DATA_DIR=str(tmp_path), **MOCKS)

    assert wrong(findings) == {"journal": CheckStatus.ERROR}
    assert findings["journal.pending"].status is CheckStatus.SKIPPED


async def test_a_journal_server_out_of_reach_is_an_error() -> None:
    """Once; and the password is not shown."""
    findings = await found(**MOCKS, **in_postgres(f"postgresql://user:{CANARY}@127.0.0.1:1/x"))

    assert wrong(findings) == {"journal.database": CheckStatus.ERROR}
    assert {findings[f"journal.{part}"].status for part in ("version", "writable", "clock", "place", "dead")} == {
        CheckStatus.SKIPPED
    }
    assert CANARY not in str(findings)


async def test_a_journal_beside_a_provider_is_a_warning(postgres_server: EmbeddedServer) -> None:
    """Both are in one cluster; the journal's tables are not made to find that out."""
    dsn = postgres_server.dsn
    environ = {"MEMORY_PROVIDER": "native,mock", "DATABASE_URL": dsn, **WITHOUT_VECTORS}

    findings = await found(**environ, **in_postgres(dsn))

    assert wrong({name: one for name, one in findings.items() if "journal" in name}) == {
        "journal.place": CheckStatus.WARNING
    }
    assert "in one PostgreSQL cluster with native" in findings["journal.place"].found
    assert findings["journal"].found == "there is no journal yet: the service makes its tables when it starts"
    async with connected(dsn) as connection:
        assert not await connection.fetchval("SELECT to_regclass('ninai_journal') IS NOT NULL")


async def test_a_journal_in_postgresql_is_read(elsewhere: str) -> None:
    """As one in a file; with nobody's database to compare, nothing is said against its place."""
    settings = PostgresJournalSettings(dsn=Secret(elsewhere), timeout=10.0)
    async with settings.open(host_in(Path("/nonexistent"))) as journal:
        await journal.join("a", "store of a")
        await put(journal, remember())

    findings = await found(**MOCKS, **in_postgres(elsewhere))

    assert wrong(findings) == {}
    assert findings["journal"].found == "1 operation, 0 of them tombstones, for a"
    assert findings["journal.place"].found == "no provider's database could be compared"
    assert findings["journal.clock"].status is CheckStatus.OK


@pytest.mark.parametrize(("seconds", "status"), [(-40, CheckStatus.OK), (-100, CheckStatus.WARNING)])
async def test_a_clock_by_which_nothing_is_erased_is_found(tmp_path: Path, seconds: float, status: CheckStatus) -> None:
    """By more than a minute: what has expired stays, hidden."""
    async with SqliteJournalSettings().open(host_in(tmp_path)):
        pass  # it counts from now on

    findings = await found(lambda: time.time() + seconds, NINAI__DATA_DIR=str(tmp_path), **MOCKS)

    assert findings["journal.moment"].status is status


@pytest.mark.parametrize(("minutes", "status"), [(59, CheckStatus.OK), (61, CheckStatus.WARNING)])
async def test_versions_that_are_ahead_of_their_time_are_found(
    tmp_path: Path, minutes: int, status: CheckStatus
) -> None:
    """By more than an hour: some host has, or had, a wrong clock. A delivered and a deleted one count as well."""
    now = time.time()
    ahead = int((now + minutes * 60) * 1000) << COUNTER_BITS
    async with SqliteJournalSettings().open(host_in(tmp_path)) as journal:
        await put(journal, remember())
        await put(journal, delete(version=ahead))
        assert await journal.newest_version() == ahead

    findings = await found(lambda: now, NINAI__DATA_DIR=str(tmp_path), **MOCKS)

    assert findings["journal.versions"].status is status
    assert ("NTP" in (findings["journal.versions"].advice or "")) is (status is CheckStatus.WARNING)
