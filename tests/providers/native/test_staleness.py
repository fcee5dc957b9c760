"""No recall is stale, whatever other processes write, and however they end; and the check notices designs that are."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from random import Random

import asyncpg
import pytest

from providers.changes import ChangeCursor, Changes
from providers.native.changes import DatabaseChanges, changes_since
from providers.native.database import Database
from providers.native.embedded import EmbeddedServer
from providers.native.packing import Portions
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.search.entries import Entry
from providers.search.recall_index.index import RecallIndex
from providers.search.recall_index.source import ChangeSource
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected, create_database, drop_database, libpq_dsn
from tests.support.restless_writer import DIMS
from tests.support.stale_watch import ANSWER_EVERY, Watch

ANNA = Owner("anna")
WRITERS = 2  # processes
READERS = 2
KILL_EVERY = 150  # rounds
LEAST_LIFE = 4.0  # seconds of a writer, which takes more than one to start on a busy machine
SELDOM, OFTEN = 0.125, 5.0  # erasures among a hundred writes
BREAK_OFF_EVERY = 60
ROOM = 100_000_000

_BREAK_OFF = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'truth'
    ORDER BY random() LIMIT 1
"""


@pytest.fixture
async def database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """A database with the schema and nothing else."""
    dsn = await create_database(postgres_server)
    yield dsn
    await drop_database(postgres_server, dsn)


class InPages:
    """The database as it tells of very many memories, whose pages are of different moments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        return await changes_since(self._database, owner, cursor, ROOM, Portions(at_once=0, page=5_000))


class ByVersion:
    """A source whose cursor is the greatest version that was seen: what commits late is below it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        whole = await DatabaseChanges(self._database, ROOM).changes_since(owner, None)
        told = await DatabaseChanges(self._database, ROOM).changes_since(owner, _from_the_start(whole))
        assert told is not None
        if cursor is not None and cursor.epoch != told.cursor.epoch:
            cursor = None
        position = -1 if cursor is None else cursor.position
        fresh = [entry for entry in told.memories if entry.version > position]
        greatest = max((entry.version for entry in fresh), default=position)
        return Changes(
            cursor=ChangeCursor(told.cursor.epoch, greatest),
            order=told.order,
            memories=fresh,
            gone=() if cursor is None else told.gone,
            whole=cursor is None,
        )


class WithoutEpoch:
    """A source that takes every history for one and the same."""

    def __init__(self, database: Database) -> None:
        self._real = DatabaseChanges(database, ROOM)

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        whole = await self._real.changes_since(owner, None)
        assert whole is not None
        if cursor is None:
            return Changes(cursor=ChangeCursor("", whole.cursor.position), order=whole.order, packed=whole.packed)
        told = await self._real.changes_since(owner, ChangeCursor(whole.cursor.epoch, cursor.position))
        if told is None or told.packed is not None:
            return Changes(cursor=cursor, order=())
        return Changes(
            cursor=ChangeCursor("", told.cursor.position), order=told.order, memories=told.memories, gone=told.gone
        )


class EmbeddingsUnmoved:
    """A source for which a memory has changed only when its version has."""

    def __init__(self, database: Database) -> None:
        self._real = DatabaseChanges(database, ROOM)
        self._told: dict[str, int] = {}

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        told = await self._real.changes_since(owner, cursor)
        if told is None or told.packed is not None:
            self._told.clear()
            return told
        fresh = [entry for entry in told.memories if self._is_new(entry)]
        return Changes(cursor=told.cursor, order=told.order, memories=fresh, gone=told.gone)

    def _is_new(self, entry: Entry) -> bool:
        return self._told.setdefault(entry.id, 0) < entry.version and not self._told.update({entry.id: entry.version})


class Bare:
    """A source without what conditions on contents look at, as if none were ever asked."""

    def __init__(self, database: Database) -> None:
        self.changes_since = DatabaseChanges(database, ROOM, by_contents=False).changes_since


def _from_the_start(whole: Changes | None) -> ChangeCursor:
    assert whole is not None
    return ChangeCursor(whole.cursor.epoch, 0)


@contextmanager
def writers(dsn: str, erasures: float) -> Iterator[Callable[[], None]]:
    """Run processes that write; what is yielded kills one that has had time to write, and starts another."""
    seeds, running = count(1), list[tuple[float, subprocess.Popen[bytes]]]()

    def start() -> None:
        module = "tests.support.restless_writer"
        command = [sys.executable, "-m", module, dsn, ANNA.user, str(next(seeds)), str(erasures)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - the tests' own program
        running.append((time.monotonic(), process))

    def replace() -> None:
        started, oldest = running[0]
        if time.monotonic() > started + LEAST_LIFE:
            del running[0]
            end(oldest)
            start()

    def end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    for _ in range(WRITERS):
        start()
    try:
        yield replace
    finally:
        for _, process in running:
            end(process)


async def watched(
    dsn: str,
    rounds: int,
    source: Callable[[Database], ChangeSource] | None = None,
    caught: Callable[[Watch], bool] = lambda _watch: False,
    erasures: float = SELDOM,
) -> Watch:
    """Let readers look beside the writers, for so many rounds or until something is caught."""
    chance = Random(1)  # noqa: S311 - it chooses when to break what
    breaking = asyncio.Lock()  # of the one connection that breaks others off
    async with open_native_provider(dsn, HashingEmbedder(DIMS)) as provider, connected(dsn) as killer:
        await provider.remember(ANNA.user, "tea")
        watch = Watch(provider, _index_of(provider, source), ANNA)
        with writers(dsn, erasures) as replace:

            async def read() -> None:
                connection = await asyncpg.connect(libpq_dsn(dsn), server_settings={"application_name": "truth"})
                known = set[str]()
                try:
                    while watch.rounds < rounds and not caught(watch):
                        await watch.look(connection, known)
                        if chance.randrange(KILL_EVERY) == 0:
                            replace()
                        if chance.randrange(BREAK_OFF_EVERY) == 0:
                            async with breaking:
                                await killer.execute(_BREAK_OFF)
                finally:
                    await connection.close()

            await _until_they_write(killer)
            await asyncio.gather(*(read() for _ in range(READERS)))
    return watch


async def _until_they_write(connection: asyncpg.Connection) -> None:
    while await connection.fetchval("SELECT count(*) FROM ninai_memories WHERE user_id = $1", ANNA.key) < 20:  # noqa: ASYNC110 - others write
        await asyncio.sleep(0.05)


def _index_of(provider: PostgresMemoryProvider, source: Callable[[Database], ChangeSource] | None) -> RecallIndex:
    if source is not None:
        return RecallIndex(source(provider._database), ROOM)  # noqa: SLF001 - a design that no setting offers
    assert provider._ranked is not None  # noqa: SLF001 - as above
    return provider._ranked.index  # noqa: SLF001 - as above


@pytest.mark.thorough
@pytest.mark.parametrize("rounds", [200, pytest.param(100_000, marks=pytest.mark.soak)])
async def test_no_recall_is_stale_beside_writers_that_are_killed(database: str, rounds: int) -> None:
    """Kills, rollbacks, erasures, expiry, late vectors and broken connections: what a recall ranks is never behind."""
    watch = await watched(database, rounds)

    assert +watch.faults == {}
    assert watch.rounds >= rounds
    assert watch.strong > rounds // (2 * ANSWER_EVERY)


@pytest.mark.thorough
async def test_no_recall_is_stale_whose_index_is_loaded_in_pages(database: str) -> None:
    """Erasures have all pages read anew, beside whatever else happens meanwhile."""
    watch = await watched(database, 200, InPages, erasures=OFTEN)

    assert +watch.faults == {}
    assert watch.rounds >= 200


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("source", "kind", "erasures"),
    [
        (ByVersion, "missing", SELDOM),
        (WithoutEpoch, "undead", OFTEN),
        (EmbeddingsUnmoved, "unembedded", SELDOM),
        (Bare, "bare", SELDOM),
    ],
)
async def test_the_check_notices_designs_that_are_stale(
    database: str, source: Callable[[Database], ChangeSource], kind: str, erasures: float
) -> None:
    """Each of them is caught by what it gets wrong."""
    watch = await watched(database, 20_000, source, lambda watch: watch.faults[kind] > 0, erasures)

    assert watch.faults[kind] > 0
