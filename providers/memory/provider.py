"""MockMemoryProvider: memories in this process alone, as the reference implementation of the protocol."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from heapq import nsmallest
from typing import TypeVar
from uuid import uuid4

from msgspec.structs import replace

from providers import limits, replica_limits
from providers.answer_size import page_within, recall_within
from providers.answers import Changed, DeletedBy, Erased, Fetched, Found, Stored
from providers.asking import as_of
from providers.batches import answer_all
from providers.erasure.fences import NEVER_ERASED, Fence, FenceList
from providers.errors import MemoryNotFound, ProviderError, Rejected
from providers.feed import FeedPage, FeedQuery, check_feed
from providers.health import Health
from providers.histories import VersionPlace
from providers.history import HistoryPage, HistoryQuery, check_history
from providers.introduction import Introduction, StoreMark
from providers.memory.health import MockHealth
from providers.memory.history import History
from providers.memory.store import InMemoryStore
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.retention import NO_HISTORY, Retention
from providers.search.ranking import RANKING_BY_WORDS
from providers.states.clock import HybridClock
from providers.states.touching import touched
from providers.timing.turns import in_turns
from providers.touches import Touch, check_touches
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class MockMemoryProvider(Replica):
    """Keep every promise of the protocol with dictionaries; nothing is awaited while one memory is written.

    Large batches and long searches take turns of the event loop.

    Versions that were replaced are kept as the `retention` says, by default none.
    """

    def __init__(self, clock: HybridClock | None = None, *, retention: Retention = NO_HISTORY) -> None:
        self._clock = clock or HybridClock()
        self._retention = retention
        self._stores: dict[Owner, InMemoryStore] = {}
        self._identity = f"mock:{uuid4()}"
        self._mark: StoreMark | None = None
        self._fences = FenceList()

    @property
    def ranking(self) -> str:
        """See `Replica`."""
        return RANKING_BY_WORDS

    @property
    def retention(self) -> Retention:
        """See `Replica`."""
        return self._retention

    @property
    def keeps_fences(self) -> bool:
        """See `Replica`."""
        return True

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("memories", memories)
        return await in_turns(partial(_answer, self._put_new), memories)

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        limits.check_recall(query)
        query = as_of(query, self._clock.moment())
        return await recall_within(await self._of(query.owner).recall(query), query.most_bytes)

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """See `MemoryStore`."""
        limits.check_batch("queries", queries)
        return await answer_all(queries, self.find, 1, values=Rejected)

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        limits.check_owner(owner)
        return Fetched(memory=self._of(owner).get(limits.check_memory_id(memory_id)))

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        limits.check_page(query)
        query = as_of(query, self._clock.moment())
        store = self._of(query.owner)
        found = Found(memories=store.page(query), total=store.count(query) if query.total else None)
        return await page_within(found, query.most_bytes)

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`."""
        check_feed(query)
        erased = self._fences.version_of(query.owner)
        # What was erased left nothing that its deletion could be told by.
        epoch = self._identity if erased == NEVER_ERASED else f"{self._identity}/{erased}"
        return await self._of(query.owner).feed(query, epoch)

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """See `MemoryStore`."""
        query = replace(query, memory_id=check_history(query))
        store = self._of(query.owner)
        if store.history is None:
            return await super().history(query)
        return await store.versions(store.history, query)

    async def change(self, edit: Edit) -> Changed:
        """See `MemoryStore`."""
        edit = limits.check_edit(edit)
        if self._is_erased(edit.owner, edit.memory_id):
            raise MemoryNotFound(edit.memory_id)
        return Changed(memory=self._of(edit.owner).change(edit))

    async def erase(self, deletion: Deletion) -> Erased:
        """See `MemoryStore`."""
        deletion = limits.check_deletion(deletion)
        if self._is_erased(deletion.owner, deletion.memory_id):
            return Erased(count=0)
        return Erased(count=self._of(deletion.owner).delete(deletion))

    async def deleted_by(self, owner: Owner, edit_id: str) -> DeletedBy:
        """See `MemoryStore`."""
        limits.check_owner(owner)
        return DeletedBy(memory_id=self._of(owner).deleted_by(limits.check_uuid("edit_id", edit_id)))

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        total = sum(map(len, self._stores.values()))
        return MockHealth(healthy=True, provider=type(self).__name__, total_memories=total)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        replica_limits.check_snapshots(snapshots)
        return await in_turns(partial(_answer, self._put), snapshots)

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        if not self.keeps_history:
            return await super().put_versions(snapshots)
        replica_limits.check_snapshots(snapshots)
        return await in_turns(partial(_answer, self._put_version), snapshots)

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """See `Replica`."""
        replica_limits.check_snapshots_page(owner, limit, None)
        store = self._stores.get(owner)
        if store is None:
            return 0
        count = store.purge(version, limit)
        if store.empty:
            del self._stores[owner]
        return count

    async def put_fences(self, fences: Sequence[Fence]) -> None:
        """See `Replica`."""
        self._fences.add(fences)
        self._clock.observe(max((fence.version for fence in fences), default=0))

    async def fences(self, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Fence]:
        """See `Replica`."""
        return [fence for fence in self._fences.all() if after is None or fence.hash > after][:limit]

    async def superseded(
        self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: VersionPlace | None = None
    ) -> list[Snapshot]:
        """See `Replica`."""
        after = replica_limits.check_superseded_page(owner, limit, after)
        return self._of(owner).superseded(limit, after)

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        limits.check_owner(owner)
        return self._of(owner).snapshot(limits.check_memory_id(memory_id))

    async def heads(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, Snapshot]:
        """See `Replica`."""
        store = self._of(owner)
        found = await in_turns(store.snapshot, replica_limits.check_heads(owner, memory_ids))
        return {state.id: state for state in found if state is not None}

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        after = replica_limits.check_snapshots_page(owner, limit, after)
        return self._of(owner).snapshots(limit, after)

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`."""
        replica_limits.check_owners_page(limit, after)
        behind = (owner for owner in self._stores if after is None or owner.key > after.key)
        return nsmallest(limit, behind, key=lambda owner: owner.key)

    async def moment(self) -> datetime:
        """See `Replica`."""
        return self._clock.moment()

    async def expired(self, before: datetime, limit: int, *, after: Snapshot | None = None) -> list[Snapshot]:
        """See `Replica`; they come by owner and id."""
        behind = ("", "") if after is None else (after.user_id, after.id)
        found = (state for store in self._stores.values() for state in store.expired(before))
        return nsmallest(limit, (state for state in found if _key(state) > behind), key=_key)

    async def touch(self, touches: Sequence[Touch]) -> None:
        """See `MemoryStore`."""
        for touch in check_touches(touches):
            store = self._of(touch.owner)
            if (state := store.snapshot(touch.memory_id)) is not None:
                store.merge(touched(state, touch.moment))

    async def identity(self) -> str:
        """See `Replica`."""
        return self._identity

    async def introduce(self) -> Introduction:
        """See `Replica`."""
        return Introduction(identity=self._identity, mark=self._mark)

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """See `Replica`."""
        replica_limits.check_mark(mark)
        if self._mark != former:
            return False
        self._mark = mark
        return True

    def _put_new(self, memory: NewMemory) -> Stored:
        memory = limits.check_new_memory(memory)
        if memory.version is not None:  # one that is minted here is above all
            self._fences.check(memory.owner, memory.version)
        return self._for(memory.owner).put(memory)

    def _put(self, snapshot: Snapshot) -> None:
        snapshot = replica_limits.check_snapshot(snapshot)
        self._fences.check(snapshot.owner, snapshot.version)
        self._for(snapshot.owner).merge(snapshot)

    def _put_version(self, snapshot: Snapshot) -> None:
        snapshot = replica_limits.check_version_of_memory(snapshot)
        self._fences.check(snapshot.owner, snapshot.version)
        self._for(snapshot.owner).put_version(snapshot)

    def _is_erased(self, owner: Owner, memory_id: str) -> bool:
        """Return whether a memory is still to be removed, so that nothing may be made of it."""
        fence = self._fences.of(owner)
        state = None if fence is None else self._of(owner).snapshot(memory_id)
        return fence is not None and state is not None and state.version <= fence.version

    def _of(self, owner: Owner) -> InMemoryStore:
        """Return the owner's store for reading; an unknown owner gets an empty one that is not kept."""
        known = self._stores.get(owner)
        return (
            InMemoryStore(self._clock, History(self._retention) if self.keeps_history else None)
            if known is None
            else known
        )

    def _for(self, owner: Owner) -> InMemoryStore:
        """Return the owner's store for writing."""
        return self._stores.setdefault(owner, self._of(owner))


def _key(state: Snapshot) -> tuple[str, str]:
    return state.user_id, state.id


def _answer(ask: Callable[[Item], Answer], item: Item) -> Answer | ProviderError:
    try:
        return ask(item)
    except Rejected as error:
        return error.with_traceback(None)  # a value now, not a failure; its frames would keep the whole batch alive
