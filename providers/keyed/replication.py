"""What a chain needs of a store of states: whole states, owners, what has expired, and who the store is."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from providers import limits, replica_limits
from providers.changes import ChangeCursor, Changes
from providers.erasure.fences import Fence, FenceList
from providers.errors import MemoryNotFound, ProviderError
from providers.expiry import has_expired
from providers.histories import VersionPlace
from providers.history import HistoryPage, HistoryQuery, check_history
from providers.introduction import Introduction, StoreMark
from providers.keyed.parts import KeyedParts
from providers.keyed.steps import StateStep, checked, keeping, merging, touching
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.retention import NO_HISTORY, Retention
from providers.search.ranking import RANKING_BY_WORDS
from providers.timing.turns import in_turns
from providers.touches import Touch, check_touches
from providers.types import Snapshot


class KeyedReplica(Replica):
    """The part of the provider that other providers are brought to the same state with."""

    def __init__(self, parts: KeyedParts) -> None:
        self.parts = parts
        self._clock = parts.clock

    @property
    def ranking(self) -> str:
        """See `Replica`."""
        return RANKING_BY_WORDS

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """See `Replica`."""
        return await self.parts.changes.changes_since(owner, cursor)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        replica_limits.check_snapshots(snapshots)
        merging = partial(self._merging, await self.parts.erasing.listed())
        return await self.parts.shelf.settle(await in_turns(partial(checked, merging), snapshots))

    @property
    def retention(self) -> Retention:
        """See `Replica`."""
        return NO_HISTORY if self.parts.histories is None else self.parts.histories.retention

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        if not self.keeps_history:
            return await super().put_versions(snapshots)
        replica_limits.check_snapshots(snapshots)
        keeping = partial(self._keeping, await self.parts.erasing.listed())
        return await self.parts.shelf.settle(await in_turns(partial(checked, keeping), snapshots))

    async def superseded(
        self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: VersionPlace | None = None
    ) -> list[Snapshot]:
        """See `Replica`."""
        after = replica_limits.check_superseded_page(owner, limit, after)
        if self.parts.histories is None or not self.keeps_history:
            return []
        return await self.parts.histories.superseded(owner, limit, after)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `MemoryStore`."""
        query = replace(query, memory_id=check_history(query))
        if self.parts.histories is None or not self.keeps_history:
            return await super().history(query)
        newest = await self.snapshot(query.owner, query.memory_id)
        if newest is None or newest.deleted or has_expired(newest, self._clock.moment()):
            raise MemoryNotFound(query.memory_id)
        return await self.parts.histories.page(query, newest)

    @property
    def keeps_fences(self) -> bool:
        """See `Replica`; another process knows a new fence within a second."""
        return True

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """See `Replica`."""
        replica_limits.check_snapshots_page(owner, limit, None)
        return await self.parts.erasing.purge(owner, version, limit)

    async def put_fences(self, fences: Sequence[Fence]) -> None:
        """See `Replica`."""
        await self.parts.erasing.put(fences)
        self._clock.observe(max((fence.version for fence in fences), default=0))

    async def fences(self, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Fence]:
        """See `Replica`."""
        return await self.parts.erasing.fences(limit, after)

    async def remains(self) -> tuple[str, ...]:
        """See `Replica`."""
        return await self.parts.erasing.remains()

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        limits.check_owner(owner)
        memory_id = limits.check_memory_id(memory_id)
        return (await self.parts.shelf.states(owner, [memory_id])).get(memory_id)

    async def heads(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, Snapshot]:
        """See `Replica`."""
        return await self.parts.shelf.states(owner, replica_limits.check_heads(owner, memory_ids))

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        after = replica_limits.check_snapshots_page(owner, limit, after)
        return await self.parts.reader.snapshots(owner, limit, after)

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`."""
        replica_limits.check_owners_page(limit, after)
        return await self.parts.reader.owners(limit, after)

    async def expired(self, before: datetime, limit: int, *, after: Snapshot | None = None) -> list[Snapshot]:
        """See `Replica`."""
        return await self.parts.reader.expired(before, limit, after)

    async def touch(self, touches: Sequence[Touch]) -> None:
        """See `MemoryStore`."""
        await self.parts.shelf.settle([touching(touch) for touch in check_touches(touches)])

    async def identity(self) -> str:
        """See `Replica`."""
        return (await self.introduce()).identity

    async def introduce(self) -> Introduction:
        """See `Replica`."""
        return await self.parts.store_name.introduction()

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """See `Replica`."""
        return await self.parts.store_name.leave_mark(replica_limits.check_mark(mark), former)

    def _merging(self, fences: FenceList, snapshot: Snapshot) -> StateStep[ProviderError | None]:
        state = replica_limits.check_snapshot(snapshot)
        fences.check(state.owner, state.version)
        return merging(state, self._clock)

    def _keeping(self, fences: FenceList, snapshot: Snapshot) -> StateStep[ProviderError | None]:
        version = replica_limits.check_version_of_memory(snapshot)
        fences.check(version.owner, version.version)
        return keeping(version, self._clock)
