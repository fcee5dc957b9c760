"""The superseded versions of memories in a store of states."""

from abc import ABC, abstractmethod

from providers.histories import VersionPlace
from providers.history import HistoryPage, HistoryQuery, history_page
from providers.owners import Owner
from providers.retention import Retention
from providers.states.clock import HybridClock
from providers.types import Snapshot


class StoredHistories(ABC):
    """Read versions; they are written together with the states that supersede them."""

    def __init__(self, retention: Retention, clock: HybridClock) -> None:
        self.retention, self.clock = retention, clock

    @abstractmethod
    async def of_memory(self, owner: Owner, memory_id: str) -> list[Snapshot]:
        """Return the versions of one memory, in no order."""

    @abstractmethod
    async def behind(self, owner: Owner, limit: int, after: VersionPlace | None) -> list[Snapshot]:
        """Return an owner's versions by ascending id and version, those behind a place."""

    async def page(self, query: HistoryQuery, newest: Snapshot) -> HistoryPage:
        """Return a page of the history of a memory, of which the newest version is known."""
        versions = await self.of_memory(query.owner, newest.id)
        kept = self.retention.kept(versions, newest, self.clock.milliseconds())
        floor = kept[-1].version if len(kept) == self.retention.keep else 0
        return await history_page(query, newest, kept, floor)

    async def superseded(self, owner: Owner, limit: int, after: VersionPlace | None) -> list[Snapshot]:
        """Return versions as `behind` does, without those that are too old."""
        found: list[Snapshot] = []
        now_ms = self.clock.milliseconds()
        while True:
            page = await self.behind(owner, limit, after)
            found += [state for state in page if self.retention.keeps(state.version, now_ms)]
            if len(page) < limit or len(found) >= limit:
                return found[:limit]
            after = page[-1].id, page[-1].version
