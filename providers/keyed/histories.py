"""The superseded versions of memories in a store of states."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence

import structlog

from providers.errors import ProviderError
from providers.histories import VersionPlace
from providers.history import HistoryPage, HistoryQuery, history_page
from providers.owners import Owner
from providers.retention import UNDATED_VERSION, Retention, is_version
from providers.states.clock import HybridClock
from providers.types import Snapshot

SWEEP_SECONDS = 3_600.0  # between two looks for what is old, or left
_FIRST_SWEEP_SECONDS = 30.0  # after the start of a process, which has other work
_OWNERS_AT_ONCE = 100

_log = structlog.get_logger(__name__)


class StoredHistories(ABC):
    """Read versions, which are written with the states that supersede them, and sweep what need not be kept."""

    def __init__(self, retention: Retention, clock: HybridClock) -> None:
        self.retention, self.clock = retention, clock

    @abstractmethod
    async def of_memory(self, owner: Owner, memory_id: str) -> list[Snapshot]:
        """Return the versions of one memory, in no order."""

    @abstractmethod
    async def behind(self, owner: Owner, limit: int, after: VersionPlace | None) -> list[Snapshot]:
        """Return an owner's versions by ascending id and version, those behind a place."""

    @abstractmethod
    def states(self, owner: Owner, ids: Sequence[str]) -> Awaitable[Mapping[str, Snapshot]]:
        """Return the newest states of memories by their ids."""

    @abstractmethod
    def _owners(self, limit: int, after: Owner | None) -> Awaitable[Sequence[Owner]]:
        """Return the owners behind one, in their order."""

    @abstractmethod
    async def _swept(self, owner: Owner) -> int:
        """Remove the versions of an owner that belong to no history any more; return how many."""

    async def run(self) -> None:
        """Sweep, until cancelled."""
        await asyncio.sleep(_FIRST_SWEEP_SECONDS)
        while True:
            try:
                dropped = await self.sweep()
            except ProviderError as error:
                _log.debug("history_sweep_postponed", reason=str(error))
            else:
                if dropped:
                    _log.info("versions_dropped", count=dropped)
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Remove versions that are too old or too many, and those of deleted or other memories; return how many."""
        dropped, last = 0, None
        while owners := await self._owners(_OWNERS_AT_ONCE, last):
            for owner in owners:
                dropped += await self._swept(owner)
            last = owners[-1]
        return dropped

    async def page(self, query: HistoryQuery, newest: Snapshot) -> HistoryPage:
        """Return a page of the history of a memory, of which the newest version is known."""
        versions = await self.of_memory(query.owner, newest.id)
        kept = self.retention.kept(versions, newest, self.clock.milliseconds())
        floor = kept[-1].version if len(kept) == self.retention.keep else 0
        return await history_page(query, newest, kept, floor)

    async def superseded(self, owner: Owner, limit: int, after: VersionPlace | None) -> list[Snapshot]:
        """Return versions as `behind` does, without those that are too old, or of another memory."""
        found: list[Snapshot] = []
        now_ms = self.clock.milliseconds()
        while True:
            page = await self.behind(owner, limit, after)
            foreign = await self._foreign(owner, page)
            found += [one for one in page if self.retention.keeps(one.version, now_ms) and one not in foreign]
            if len(page) < limit or len(found) >= limit:
                return found[:limit]
            after = page[-1].id, page[-1].version

    async def _foreign(self, owner: Owner, versions: Sequence[Snapshot]) -> list[Snapshot]:
        """Return those of some versions that are of another memory than the one under their id; see `is_version`."""
        undated = [one for one in versions if one.version == UNDATED_VERSION]
        newest = await self.states(owner, [one.id for one in undated]) if undated else {}
        return [one for one in undated if one.id in newest and not is_version(one, newest[one.id])]
