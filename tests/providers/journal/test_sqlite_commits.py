"""The journal in a file commits concurrent calls together, and leaves out those that were cancelled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from providers.journal.base import JournalUnavailable
from providers.journal.operations import Done
from providers.journal.sqlite.connection import JournalConnection, Work
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_memory
from providers.journal.sqlite.running import InlineRunner, Runner
from providers.owners import Owner
from tests.providers.journal.rig import USER, entries, put, remember
from tests.support.clock import FakeClock

Result = TypeVar("Result")


class GatedRunner(Runner):
    """Run work when the gate is open, and count the calls."""

    def __init__(self, connection: JournalConnection) -> None:
        self._connection = connection
        self.gate = asyncio.Event()
        self.gate.set()
        self.runs = 0

    async def run(self, work: Work[Result]) -> Result:
        """Wait for the gate, and run the work."""
        self.runs += 1
        await self.gate.wait()
        return work(self._connection)


@asynccontextmanager
async def gated() -> AsyncIterator[tuple[SqliteJournal, GatedRunner]]:
    """Hold a journal whose writer can be stopped; its reader goes on."""
    connection = open_memory(FakeClock())
    writer = GatedRunner(connection)
    journal = SqliteJournal(connection.journal_id, writer, InlineRunner(connection))
    await journal.join("home", "h")
    yield journal, writer
    writer.gate.set()
    await journal.close()


async def turns() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_comes_together_is_committed_together() -> None:
    """All calls that arrive while a commit is under way become the next one."""
    async with gated() as (journal, writer):
        writer.gate.clear()
        runs = writer.runs
        first = asyncio.create_task(put(journal, remember()))
        await turns()
        others = [asyncio.create_task(put(journal, remember())) for _ in range(20)]
        await turns()
        writer.gate.set()
        entries = await asyncio.gather(first, *others)

        assert writer.runs == runs + 2
        assert len({entry.seq for entry in entries}) == 21


async def test_who_goes_before_the_commit_has_written_nothing() -> None:
    """A call cancelled in the queue is not appended, and its neighbours are."""
    async with gated() as (journal, writer):
        writer.gate.clear()
        first = asyncio.create_task(put(journal, remember("first")))
        await turns()
        gone, stays = [asyncio.create_task(put(journal, remember(name))) for name in ("gone", "stays")]
        await turns()
        gone.cancel()
        await turns()
        writer.gate.set()
        await asyncio.gather(first, stays)

        assert gone.cancelled()
        known = [await journal.newest(Owner(USER), name) for name in ("first", "gone", "stays")]
        assert [entry is not None for entry in known] == [True, False, True]


async def test_who_goes_during_the_commit_disturbs_nobody() -> None:
    """A call cancelled while the transaction runs gets no answer; the transaction is committed for all."""
    async with gated() as (journal, writer):
        writer.gate.clear()
        gone = asyncio.create_task(put(journal, remember("gone")))
        await turns()
        gone.cancel()
        stays = asyncio.create_task(put(journal, remember("stays")))
        await turns()
        writer.gate.set()
        await stays

        assert gone.cancelled()
        assert await journal.newest(Owner(USER), "gone") is not None


async def test_a_settlement_is_not_waited_for() -> None:
    """Settling returns while the writer is busy, and a commit follows by itself."""
    async with gated() as (journal, writer):
        entry = await put(journal, remember("m"))
        writer.gate.clear()
        await journal.settle([Done(seq=entry.seq, provider="home")])
        assert await journal.newest(Owner(USER), "m") == entry
        writer.gate.set()
        await turns()

        newest = await journal.newest(Owner(USER), "m")
        assert newest is not None
        assert newest.pending == frozenset()


async def test_a_settlement_shares_a_commit() -> None:
    """Settlements join the next append, and cost no commit of their own."""
    async with gated() as (journal, writer):
        several = [await put(journal, remember()) for _ in range(3)]
        runs = writer.runs
        writer.gate.clear()
        first = asyncio.create_task(put(journal, remember()))
        await turns()
        for entry in several:
            await journal.settle([Done(seq=entry.seq, provider="home")])
        second = asyncio.create_task(put(journal, remember()))
        await turns()
        writer.gate.set()
        await asyncio.gather(first, second)

        assert writer.runs == runs + 2
        assert len(await entries(journal)) == 2


async def test_a_settlement_comes_before_what_its_caller_asks_next() -> None:
    """A caller that confirms and then leases does not get the same delivery again, even without waiting."""
    async with gated() as (journal, _):
        await put(journal, remember())
        for delivery in await journal.lease("home", 1, 0):
            await journal.settle([Done(seq=delivery.seq, provider="home")])

        assert await journal.lease("home", 1, 0) == []


async def test_closing_commits_what_is_queued() -> None:
    """After the close everything accepted is there, and nothing more is accepted."""
    async with gated() as (journal, writer):
        entry = await put(journal, remember("m"))
        writer.gate.clear()
        appending = asyncio.create_task(put(journal, remember("n")))
        await journal.settle([Done(seq=entry.seq, provider="home")])
        closing = asyncio.create_task(journal.close())
        await turns()
        assert not closing.done()
        writer.gate.set()
        await closing

        assert (await appending).pending == {"home"}
        with pytest.raises(JournalUnavailable, match="closed"):
            await journal.append([remember()])
        with pytest.raises(JournalUnavailable, match="closed"):
            await journal.settle([])
        with pytest.raises(JournalUnavailable, match="closed"):
            await entries(journal)
