"""Reads of an owner's memories in their order, page by page, over what a store lists."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import datetime

from providers.answers import Found
from providers.owners import Owner
from providers.positions import Order
from providers.timing.turns import Turns
from providers.types import MemoryRecord, PageQuery, Snapshot, as_page

LISTED_AT_ONCE = 1_000  # memories in one trip
LISTED_AT_LEAST = 50  # a short page is mostly filled by as many


class Reader(ABC):
    """List memories, states and owners; arguments are checked by the provider."""

    @abstractmethod
    def listed(self, query: PageQuery) -> AsyncIterator[Snapshot]:
        """Yield the memories that may stand on a page and behind it, in order: all that do, and perhaps others."""

    @abstractmethod
    async def count_living(self, owner: Owner, now: datetime) -> int:
        """Count the memories of an owner that have not expired at a moment."""

    @abstractmethod
    async def snapshots(self, owner: Owner, limit: int, after: str | None) -> list[Snapshot]:
        """Return memories and tombstones by ascending id, those whose id is greater than `after`."""

    @abstractmethod
    async def recently_changed(self, owner: Owner, limit: int) -> list[Snapshot]:
        """Return the states that have changed last, tombstones included, the newest change first."""

    @abstractmethod
    async def owners(self, limit: int, after: Owner | None) -> list[Owner]:
        """Return the owners, ascending by code point, those greater than `after`."""

    @abstractmethod
    async def expired(self, before: datetime, limit: int, after: Snapshot | None) -> list[Snapshot]:
        """Return up to `limit` states that had expired by a moment, those behind `after` in an order that stays."""

    async def page(self, query: PageQuery) -> Found:
        """Return a page, as `MemoryStore` says."""
        memories: list[MemoryRecord] = []
        skipped = 0
        turns = Turns()
        async for state in self.listed(query):
            if not query.shows(state.record):
                continue
            await turns.take()
            if skipped < query.offset:
                skipped += 1
                continue
            memories.append(state.record)
            if len(memories) == query.limit:
                break
        return Found(memories=memories, total=await self._count(query) if query.total else None)

    async def live(self, owner: Owner, *, order: Order = "oldest") -> AsyncIterator[Snapshot]:
        """Yield all memories of an owner that live, those that have expired included."""
        async for state in self.listed(PageQuery(owner=owner, order=order, limit=LISTED_AT_ONCE)):
            yield state

    async def _count(self, query: PageQuery) -> int:
        """Count the memories that meet the conditions of a list, wherever the page begins."""
        if not query.conditional and query.now is not None:
            return await self.count_living(query.owner, query.now)
        turns, count = Turns(), 0
        async for state in self.listed(as_page(query, query.owner)):
            count += query.admits(state.record)
            await turns.take()
        return count


def wanted_at_first(query: PageQuery) -> int:
    """Return how many memories the first trip for a page asks for."""
    if query.conditional:
        return LISTED_AT_ONCE
    return min(LISTED_AT_ONCE, max(LISTED_AT_LEAST, query.offset + query.limit))
