"""Every journal promises that waits and retention stay bounded whatever is done to the clock on the wall."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec import Struct

from providers.journal.base import Journal
from providers.journal.operations import Postponed
from providers.journal.postgres.opening import open_journal as open_postgres
from providers.journal.sqlite.clock import RunningTime
from providers.journal.sqlite.opening import open_journal as open_sqlite
from providers.native.embedded import EmbeddedServer
from tests.providers.journal.rig import LONG, confirm, delete, due, host_in, leased, put, remember, settle
from tests.support.postgres import connected, create_database, drop_database

HOUR = 3_600.0
SHORT = 0.2  # seconds
CLAIMED = 1.5  # seconds, within which a busy machine sets the clock
BACK_AND_FORTH = pytest.mark.parametrize("step", [-HOUR, HOUR], ids=["back", "forward"])

# What lies in the tables when the server's clock is set by so many seconds: it is as if all of it were moved, and the
# host's own clock.
_MOVED = (
    "UPDATE ninai_journal SET watched_at = watched_at - $1, watched_since = watched_since - $1",
    "UPDATE ninai_journal_entries SET appended_at = appended_at - $1",
    "UPDATE ninai_journal_deliveries SET due_at = due_at - $1, since = since - $1",
    "UPDATE ninai_journal_claims SET ends_at = ends_at - $1",
)


class Clocks(Struct):
    """A journal whose clock can be set: `opened` opens it, as often as it is called, `set_by` moves the clock.

    `booted` begins another boot of all hosts; it is to be called while the journal is not open.
    """

    opened: Callable[[], AbstractAsyncContextManager[Journal]]
    set_by: Callable[[float], Awaitable[None]]
    boot: Callable[[], Awaitable[None]]


def in_file(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Clocks]:
    """Return the place of one in a file."""
    return file_in(request.getfixturevalue("tmp_path"))


def in_postgres(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Clocks]:
    """Return the place of one in PostgreSQL; the server is running."""
    return database_on(request.getfixturevalue("postgres_server"), request.getfixturevalue("tmp_path"))


@asynccontextmanager
async def file_in(folder: Path) -> AsyncIterator[Clocks]:
    """Hold one in a file."""
    ahead, boots = [0.0], [1]

    async def set_by(seconds: float) -> None:
        ahead[0] += seconds

    async def boot() -> None:
        boots[0] += 1

    running = RunningTime(boot=lambda: f"boot {boots[0]}")
    yield Clocks(lambda: open_sqlite(folder / "journal", lambda: time.time() + ahead[0], running), set_by, boot)


@asynccontextmanager
async def database_on(server: EmbeddedServer, folder: Path) -> AsyncIterator[Clocks]:
    """Hold one in PostgreSQL."""
    dsn = await create_database(server, "template1")
    behind = [0.0]

    async def move(seconds: float, *statements: str) -> None:
        async with connected(dsn) as connection:
            for statement in statements:
                await connection.execute(statement.replace("$1", f"make_interval(secs => {seconds})"))

    async def set_by(seconds: float) -> None:
        behind[0] += seconds
        await move(seconds, *_MOVED)

    async def boot() -> None:
        await move(2 * HOUR, "UPDATE ninai_journal SET watched_at = watched_at - $1")

    def opened() -> AbstractAsyncContextManager[Journal]:
        return open_postgres(
            dsn,
            host_in(folder),
            pool_size=5,
            seconds=10.0,
            through_pooler=False,
            running=lambda: time.monotonic() - behind[0],
        )

    yield Clocks(opened, set_by, boot)
    await drop_database(server, dsn)


@pytest.fixture(params=[in_file, in_postgres])
def clocks_at(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Clocks]:
    """Return the place of an unused journal."""
    made: AbstractAsyncContextManager[Clocks] = request.param(request)
    return made


@pytest_asyncio.fixture
async def clocks(clocks_at: AbstractAsyncContextManager[Clocks]) -> AsyncIterator[Clocks]:
    """Return a journal whose clock can be set."""
    async with clocks_at as made:
        yield made


@asynccontextmanager
async def journal_of(clocks: Clocks) -> AsyncIterator[Journal]:
    """Open it, with the member `home`."""
    async with clocks.opened() as journal:
        await journal.join("home", "store of home")
        await journal.prune(LONG)  # which looks at the clock
        yield journal


async def set_clock(clocks: Clocks, journal: Journal, step: float) -> None:
    """Set the clock, and wait until a journal that looks from time to time has looked."""
    await journal.prune(LONG)
    await clocks.set_by(step)
    await journal.prune(LONG)


async def oldest(journal: Journal) -> float:
    """Return the age of the oldest delivery that is pending."""
    [backlog] = (await journal.status()).backlogs
    assert backlog.pending
    return backlog.oldest_seconds


@BACK_AND_FORTH
async def test_a_postponed_delivery_is_due_all_the_same(clocks: Clocks, step: float) -> None:
    """It waits for its delay at most, and its age is neither hidden nor made up."""
    async with journal_of(clocks) as journal:
        entry = await put(journal, remember())
        await settle(journal, Postponed(seq=entry.seq, provider="home", delay=SHORT))
        await set_clock(clocks, journal, step)
        await asyncio.sleep(SHORT)

        assert SHORT <= await oldest(journal) < HOUR / 2
        assert await due(journal, "home") == [entry.seq]


@BACK_AND_FORTH
async def test_the_lease_of_the_dead_ends_all_the_same(clocks: Clocks, step: float) -> None:
    """A delivery that a dead process has leased is leased again after that time at most."""
    async with journal_of(clocks) as journal:
        entry = await put(journal, remember())
        await leased(journal, "home", SHORT)
        await set_clock(clocks, journal, step)
        await asyncio.sleep(SHORT)

        [delivery] = await leased(journal, "home", LONG)
        assert delivery.seq == entry.seq
        assert delivery.until - delivery.appended_at < LONG + HOUR / 2
        assert await due(journal, "home") == []


@BACK_AND_FORTH
async def test_what_is_retained_is_retained_for_its_time(clocks: Clocks, step: float) -> None:
    """A tombstone and a confirmed write are neither forgotten early nor kept for ever."""
    async with journal_of(clocks) as journal:
        tombstone = await put(journal, delete())
        await confirm(journal, tombstone)
        await confirm(journal, await put(journal, remember()))
        await set_clock(clocks, journal, step)
        early = (await journal.tombstones(10, HOUR / 2), await journal.prune(HOUR / 2))
        await asyncio.sleep(SHORT)

        assert early == ([], 0)
        assert [entry.seq for entry in await journal.tombstones(10, SHORT)] == [tombstone.seq]
        assert await journal.prune(SHORT) == 1


async def test_the_claim_of_the_dead_ends_all_the_same(clocks: Clocks) -> None:
    """A task is free after the time of the claim, although the clock went back."""
    async with journal_of(clocks) as journal:
        await journal.claim("sweep", "dead", CLAIMED)
        await set_clock(clocks, journal, -HOUR + 0.01)  # no whole number of seconds, as no clock is set by one
        await asyncio.sleep(CLAIMED)

        assert await journal.claim("sweep", "alive", HOUR) is True
        assert await journal.claim("sweep", "dead", LONG) is False


@BACK_AND_FORTH
async def test_a_claim_of_the_living_stands(clocks: Clocks, step: float) -> None:
    """Nobody else gets the task because the clock was set."""
    async with journal_of(clocks) as journal:
        await journal.claim("seen home", "alive", 2 * HOUR)
        await set_clock(clocks, journal, step)

        assert await journal.claim("seen home", "another", LONG) is False


@BACK_AND_FORTH
async def test_a_clock_that_was_set_while_nothing_ran_does_no_harm(clocks: Clocks, step: float) -> None:
    """After a restart deliveries of the dead are due, no age is hidden, and nothing is forgotten before its time."""
    async with journal_of(clocks) as journal:
        tombstone = await put(journal, delete())
        await confirm(journal, tombstone)
        entry = await put(journal, remember())
        await leased(journal, "home", HOUR)
        await journal.claim("sweep", "dead", HOUR)
    await clocks.set_by(step)
    await clocks.boot()
    async with journal_of(clocks) as journal:
        early = await journal.tombstones(10, HOUR / 2)
        await asyncio.sleep(SHORT)

        assert early == []
        assert [found.seq for found in await journal.tombstones(10, SHORT)] == [tombstone.seq]
        assert await oldest(journal) >= SHORT
        assert await due(journal, "home") == [entry.seq]
