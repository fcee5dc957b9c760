"""How often a write by key waits for the journal: as often as a remember does, but for its looks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic, time
from typing import NamedTuple

import pytest

from providers.chain.chained import ChainedProvider
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import open_memory
from providers.keys.writing import Put, put
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.types import NewMemory
from tests.support.chain_rig import ChainRig, link_of, route_of
from tests.support.counting_runner import CountingRunner

OWNER = Owner("anna")


class Counts(NamedTuple):
    """Transactions: those that the disk has to have, those that it need not, and looks."""

    flushed: int
    unflushed: int
    looks: int


class Counted(NamedTuple):
    """A chain, and what counts the work on its journal."""

    chain: ChainedProvider
    writer: CountingRunner
    reader: CountingRunner

    async def counts(self) -> Counts:
        """Return what there was since the last call."""
        await asyncio.sleep(0)  # for the settlement, which nobody waits for
        counts = Counts(self.writer.flushed, self.writer.unflushed, self.reader.looks)
        self.writer.flushed = self.writer.unflushed = self.reader.looks = 0
        return counts


@asynccontextmanager
async def counted(*, history: bool) -> AsyncIterator[Counted]:
    """Hold a chain of one provider, for which superseded versions are kept or not."""
    connection = open_memory(time)
    writer, reader = CountingRunner(connection), CountingRunner(connection)
    journal = SqliteJournal(connection.journal_id, writer, reader)
    await journal.join("home", "h")
    await journal.note_history("home", keeps=history)
    home = link_of("home", MockMemoryProvider(), monotonic)
    counted = Counted(ChainRig(journal, monotonic, HybridClock()).chained(route_of([home])), writer, reader)
    await counted.counts()
    yield counted
    await journal.close()
    connection.close()


@pytest.mark.parametrize("history", [False, True])
async def test_a_put_waits_for_the_disk_once(*, history: bool) -> None:
    """Remember, a put of a new key, and one of a key that is there each have one flush; what confirms them has none."""
    async with counted(history=history) as counting:
        await counting.chain.store(NewMemory(owner=OWNER, content="tea"))
        assert await counting.counts() == Counts(flushed=1, unflushed=1, looks=0)

        for content, looks in (("milk", 1), ("coffee", 2)):
            kept = await put(counting.chain, Put(memory=NewMemory(owner=OWNER, content=content, key="drink")))
            assert kept.created == (content == "milk")
            assert await counting.counts() == Counts(flushed=1, unflushed=1, looks=looks)
