"""What the journal in a file promises is flushed to disk; leases and settlements wait for no flush."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

from providers.journal.operations import Done
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_file, open_memory
from providers.journal.sqlite.running import InlineRunner
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, leased, put, remember
from tests.support.clock import FakeClock
from tests.support.counting_runner import CountingRunner


@asynccontextmanager
async def counted() -> AsyncIterator[tuple[SqliteJournal, CountingRunner]]:
    """Hold a journal whose transactions are counted, and which has the member `home`."""
    connection = open_memory(FakeClock())
    writer = CountingRunner(connection)
    journal = SqliteJournal(connection.journal_id, writer, InlineRunner(connection))
    await journal.join("home", "h")
    writer.flushed = 0
    yield journal, writer
    await journal.close()
    connection.close()


async def test_what_is_promised_is_flushed() -> None:
    """An append is on the disk when it returns; a lease, its extension and a settlement go there with the next one."""
    async with counted() as (journal, writer):
        await put(journal, remember())
        assert (writer.flushed, writer.unflushed) == (1, 0)

        [delivery] = await leased(journal, "home", LONG)
        await journal.renew("home", [delivery.lease], LONG)
        await journal.settle([Done(seq=delivery.seq, provider="home")])
        await asyncio.sleep(0)
        assert (writer.flushed, writer.unflushed) == (1, 3)

        await put(journal, remember())
        assert (writer.flushed, writer.unflushed) == (2, 3)


async def test_one_that_promises_is_enough() -> None:
    """A settlement that shares a transaction with an append is flushed with it."""
    async with counted() as (journal, writer):
        entry = await put(journal, remember("m"))
        await asyncio.gather(journal.settle([Done(seq=entry.seq, provider="home")]), journal.append([remember()]))

        assert (writer.flushed, writer.unflushed) == (2, 0)
        newest = await journal.newest(Owner(USER), "m")
        assert newest is not None
        assert newest.pending == frozenset()


async def test_what_is_not_flushed_is_seen_by_all(tmp_path: Path) -> None:
    """Another connection finds a settlement that no flush has followed."""

    def opened() -> JournalConnection:
        return open_file(tmp_path / "journal.sqlite3", time)

    connection, other = opened(), opened()
    writer = CountingRunner(connection)
    journal = SqliteJournal(connection.journal_id, writer, InlineRunner(connection))
    elsewhere = SqliteJournal(other.journal_id, InlineRunner(other), InlineRunner(other))
    await journal.join("home", "h")
    entry = await put(journal, remember("m"))
    await journal.settle([Done(seq=entry.seq, provider="home")])
    await asyncio.sleep(0)

    newest = await elsewhere.newest(Owner(USER), "m")
    assert newest is not None
    assert newest.pending == frozenset()
    assert writer.unflushed == 1
    for one in (journal, elsewhere):
        await one.close()
    for raw in (connection, other):
        raw.close()
