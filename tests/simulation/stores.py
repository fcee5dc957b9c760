"""Where simulated memories live: with versions and tombstones, or in a store that knows nothing of the dead."""

from collections.abc import Sequence

from msgspec.structs import replace

from providers.answers import Changed, Erased, Fetched, Found, Stored
from providers.errors import Conflict, MemoryNotFound, ProviderError
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.states.clock import HybridClock
from providers.states.editing import first_state
from providers.text.words import word_scores
from providers.types import (
    Deletion,
    Edit,
    Health,
    MemoryRecord,
    NewMemory,
    Owner,
    PageQuery,
    RecallQuery,
    Snapshot,
)


class WeakStore(Replica):
    """Holds copies, several of one memory if it must, and nothing of what was deleted; it looks before it writes."""

    def __init__(self, clock: HybridClock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._copies: dict[tuple[Owner, str], list[Snapshot]] = {}

    async def land(self, snapshots: Sequence[Snapshot]) -> None:
        """Do what a write does that was under way all the time, whatever has happened since; nobody looks any more."""
        for state in snapshots:
            if state.deleted:
                self._copies.pop((state.owner, state.id), None)
            else:
                self._copies.setdefault((state.owner, state.id), []).append(state)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`; there are no tombstones to be met."""
        for state in snapshots:
            copies = self._copies.get((state.owner, state.id), [])
            if state.deleted:
                self._copies.pop((state.owner, state.id), None)
            elif all(copy.version < state.version for copy in copies):
                self._copies[state.owner, state.id] = [state]
        return [None] * len(snapshots)

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        results: list[Stored | ProviderError] = []
        for memory in memories:
            state = state_of(memory)
            copy = self._newest(memory.owner, state.id)
            if copy is not None and copy.digest != state.digest:
                results.append(Conflict(state.id))
                continue
            if copy is None:
                await self.land([state])
            results.append(Stored(id=state.id))
        return results

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        copy = self._newest(owner, memory_id)
        if copy is None:
            raise MemoryNotFound(memory_id)
        return Fetched(memory=copy.record)

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        records = sorted(self._records(query.owner), key=lambda one: (one.created_at, one.id), reverse=True)
        if query.after is not None:
            place = query.after.created_at, query.after.memory_id
            records = [one for one in records if (one.created_at, one.id) < place]
        return Found(memories=records[query.offset : query.offset + query.limit])

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        records = {record.id: record for record in self._records(query.owner)}
        scores = word_scores(query.query, {memory_id: record.content for memory_id, record in records.items()})
        best = sorted(scores, key=lambda memory_id: (scores[memory_id], memory_id), reverse=True)[: query.limit]
        return Found(memories=[replace(records[memory_id], similarity_score=scores[memory_id]) for memory_id in best])

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        return self._newest(owner, memory_id)

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        ids = sorted(memory_id for one, memory_id in self._copies if one == owner)
        found = [self._newest(owner, memory_id) for memory_id in ids if after is None or memory_id > after]
        return [copy for copy in found if copy is not None][:limit]

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`."""
        users = sorted({owner.user for owner, _ in self._copies if after is None or owner.user > after.user})
        return [Owner(user) for user in users[:limit]]

    async def identity(self) -> str:
        """See `Replica`."""
        return self._name

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        return Health(healthy=True, provider=type(self).__name__)

    async def erase(self, deletion: Deletion) -> Erased:
        """Not asked by a chain, which puts tombstones."""
        raise NotImplementedError

    async def change(self, edit: Edit) -> Changed:
        """Not asked by a chain, which puts whole states."""
        raise NotImplementedError

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """Not asked by a chain, which asks one by one."""
        raise NotImplementedError

    def _newest(self, owner: Owner, memory_id: str) -> Snapshot | None:
        # A beginning may have been remembered twice, the second time after an edit; the edit counts more.
        copies = self._copies.get((owner, memory_id), ())
        return max(copies, key=lambda copy: (copy.updated_at is not None, copy.version), default=None)

    def _records(self, owner: Owner) -> list[MemoryRecord]:
        copies = [self._newest(one, memory_id) for one, memory_id in self._copies if one == owner]
        return [copy.record for copy in copies if copy is not None]


async def land_new(store: Replica, memories: Sequence[NewMemory]) -> None:
    """Store what was to be remembered, long after it was."""
    if isinstance(store, WeakStore):
        await store.land([state_of(memory) for memory in memories])
    else:
        await store.store_many(memories)


async def land(store: Replica, snapshots: Sequence[Snapshot]) -> None:
    """Let a write arrive that was under way all the time; where versions and tombstones are kept it is as any other."""
    await (store.land(snapshots) if isinstance(store, WeakStore) else store.put_many(snapshots))


def state_of(memory: NewMemory) -> Snapshot:
    """Give the state that a memory begins with."""
    assert memory.memory_id is not None
    assert memory.version is not None
    assert memory.created_at is not None
    return first_state(memory, memory.memory_id, memory.version, memory.created_at)
