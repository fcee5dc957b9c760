"""Where simulated memories live: with versions and tombstones, or in a store that knows nothing of the dead."""

from collections.abc import Sequence
from copy import copy

from msgspec.structs import replace

from providers.answers import Changed, Erased, Fetched, Found, Stored
from providers.errors import Conflict, MemoryNotFound, ProviderError
from providers.health import Health
from providers.introduction import Introduction, StoreMark
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.search.paging import paged
from providers.search.word_scores import word_scores
from providers.states.clock import HybridClock
from providers.states.editing import first_state
from providers.states.merging import rank
from providers.types import Deletion, Edit, MemoryRecord, NewMemory, PageQuery, RecallQuery, Snapshot


class WeakStore(Replica):
    """Holds copies, several of one memory if it must, and nothing of what was deleted; it looks before it writes.

    Where the `last_writer_wins` it also remembers the latest version of each memory, and refuses every older one.
    """

    def __init__(self, clock: HybridClock, name: str, *, last_writer_wins: bool = False) -> None:
        self.looks = True
        self._clock = clock
        self._name = name
        self._copies: dict[tuple[Owner, str], list[Snapshot]] = {}
        self._marks: dict[str, StoreMark] = {}  # one at most; shared with the store as a late write meets it
        self._latest: dict[tuple[Owner, str], int] | None = {} if last_writer_wins else None

    @property
    def ranking(self) -> str:
        """See `Replica`."""
        return "words, equal scores by id"

    def late(self) -> "WeakStore":
        """Return this store as a write meets it that looked long ago, whatever has happened since."""
        late = copy(self)
        late.looks = self._latest is not None
        return late

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`; there are no tombstones to be met."""
        for state in snapshots:
            if self._latest is None or self._is_latest(state, self._latest):
                self._put(state)
        return [None] * len(snapshots)

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        results: list[Stored | ProviderError] = []
        for memory in memories:
            state = state_of(memory)
            found = self._newest(memory.owner, state.id) if self.looks else None
            if found is not None and found.digest != state.digest:
                results.append(Conflict(state.id))
                continue
            if found is None:
                await self.put_many([state])
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
        return paged(query, self._records(query.owner), whole=True)

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        records = {record.id: record for record in self._records(query.owner) if query.admits(record)}
        scores = word_scores(query.query, {memory_id: record.content for memory_id, record in records.items()})
        best = sorted(scores, key=lambda memory_id: (scores[memory_id], memory_id), reverse=True)[: query.limit]
        return Found(memories=[replace(records[memory_id], similarity_score=scores[memory_id]) for memory_id in best])

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """See `Replica`; nothing refuses what comes late."""
        found = [key for key, copies in self._copies.items() if key[0] == owner and copies[0].version <= version]
        for key in found[:limit]:
            self._copies[key] = [one for one in self._copies[key] if one.version > version]
            if not self._copies[key]:
                del self._copies[key]
        return len(found[:limit])

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
        owners = {owner for owner, _ in self._copies if after is None or owner.key > after.key}
        return sorted(owners, key=lambda owner: owner.key)[:limit]

    async def identity(self) -> str:
        """See `Replica`."""
        return self._name

    async def introduce(self) -> Introduction:
        """See `Replica`."""
        return Introduction(identity=self._name, mark=self._marks.get(self._name))

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """See `Replica`."""
        if self._marks.get(self._name) != former:
            return False
        self._marks[self._name] = mark
        return True

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

    def _put(self, state: Snapshot) -> None:
        key = state.owner, state.id
        if state.deleted:
            self._copies.pop(key, None)
        elif not self.looks:
            self._copies.setdefault(key, []).append(state)
        elif all(rank(one) < rank(state) for one in self._copies.get(key, ())):
            self._copies[key] = [state]

    def _is_latest(self, state: Snapshot, latest: dict[tuple[Owner, str], int]) -> bool:
        if state.version <= latest.get((state.owner, state.id), 0):
            return False
        latest[state.owner, state.id] = state.version
        return True

    def _newest(self, owner: Owner, memory_id: str) -> Snapshot | None:
        # A beginning may have been remembered twice, the second time after an edit; the edit counts more.
        copies = self._copies.get((owner, memory_id), ())
        return max(copies, key=rank, default=None)

    def _records(self, owner: Owner) -> list[MemoryRecord]:
        copies = [self._newest(one, memory_id) for one, memory_id in self._copies if one == owner]
        return [copy.record for copy in copies if copy is not None]


def late(store: Replica) -> Replica:
    """Return the store as a late write meets it; where versions and tombstones are kept it is as any other."""
    return store.late() if isinstance(store, WeakStore) else store


def state_of(memory: NewMemory) -> Snapshot:
    """Return the state that a memory begins with."""
    assert memory.memory_id is not None
    assert memory.version is not None
    assert memory.created_at is not None
    return first_state(memory, memory.memory_id, memory.version, memory.created_at)
