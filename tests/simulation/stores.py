"""Where simulated memories live: one store that keeps tombstones, one that knows nothing of the dead."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from providers.chain.overlay import record_of
from providers.errors import Conflict, MemoryNotFound, ProviderError
from providers.filters import Filter
from providers.memory.provider import MockMemoryProvider
from providers.replica import MAX_SNAPSHOTS, MAX_USERS, Replica
from providers.states.clock import HybridClock
from providers.states.digests import digest_of
from providers.text.words import word_scores
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery, Snapshot


class Store(Replica, Protocol):
    """A store in which a write can also land long after everybody has stopped waiting for it."""

    @abstractmethod
    async def land_new(self, memories: Sequence[NewMemory]) -> None:
        """Store what was to be remembered, long after it was."""
        raise NotImplementedError

    @abstractmethod
    async def land(self, snapshots: Sequence[Snapshot]) -> None:
        """Do what a write does that was under way all the time, whatever has happened since."""
        raise NotImplementedError


class StrongStore(MockMemoryProvider, Store):
    """Keeps versions and tombstones, so that a late write is as good as any."""

    async def land_new(self, memories: Sequence[NewMemory]) -> None:
        """See `Store`."""
        await self.remember_many(memories)

    async def land(self, snapshots: Sequence[Snapshot]) -> None:
        """See `Store`."""
        await self.put_many(snapshots)


class WeakStore(Store):
    """Holds copies, several of one memory if it must, and nothing of what was deleted; it looks before it writes."""

    def __init__(self, clock: HybridClock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._copies: dict[tuple[str, str], list[Snapshot]] = {}

    async def land_new(self, memories: Sequence[NewMemory]) -> None:
        """See `Store`."""
        await self.land([state_of(memory) for memory in memories])

    async def land(self, snapshots: Sequence[Snapshot]) -> None:
        """See `Store`; nobody looks any more."""
        for state in snapshots:
            if state.deleted:
                self._copies.pop((state.user_id, state.id), None)
            else:
                self._copies.setdefault((state.user_id, state.id), []).append(state)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`; there are no tombstones to be met."""
        for state in snapshots:
            copies = self._copies.get((state.user_id, state.id), [])
            if state.deleted:
                self._copies.pop((state.user_id, state.id), None)
            elif all(copy.version < state.version for copy in copies):
                self._copies[state.user_id, state.id] = [state]
        return [None] * len(snapshots)

    async def remember(
        self,
        user_id: str,
        content: str,
        metadata: Metadata | None = None,
        *,
        memory_id: str | None = None,
        version: int | None = None,
        created_at: datetime | None = None,
    ) -> str:
        """See `MemoryProvider`."""
        assert memory_id is not None
        assert version is not None
        copy = self._newest(user_id, memory_id)
        if copy is not None and copy.digest != digest_of(content, metadata):
            raise Conflict(memory_id)
        if copy is None:
            memory = NewMemory(
                user_id=user_id,
                content=content,
                metadata=metadata,
                memory_id=memory_id,
                version=version,
                created_at=created_at,
            )
            await self.land_new([memory])
        return memory_id

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """See `MemoryProvider`."""
        results: list[str | ProviderError] = []
        for memory in memories:
            try:
                results.append(
                    await self.remember(
                        memory.user_id,
                        memory.content,
                        memory.metadata,
                        memory_id=memory.memory_id,
                        version=memory.version,
                        created_at=memory.created_at,
                    )
                )
            except Conflict as error:
                results.append(error)
        return results

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """See `MemoryProvider`."""
        copy = self._newest(user_id, memory_id)
        if copy is None:
            raise MemoryNotFound(memory_id)
        return record_of(copy)

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0, *, after: Position | None = None
    ) -> list[MemoryRecord]:
        """See `MemoryProvider`."""
        records = sorted(self._records(user_id), key=lambda one: (one.created_at, one.id), reverse=True)
        if after is not None:
            records = [one for one in records if (one.created_at, one.id) < (after.created_at, after.memory_id)]
        return records[offset : offset + limit]

    async def recall(
        self,
        user_id: str,
        query: str,
        limit: int = 10,
        *,
        where: Filter | None = None,
        created_from: datetime | None = None,
        created_before: datetime | None = None,
        min_score: float = 0.0,
    ) -> list[MemoryRecord]:
        """See `MemoryProvider`."""
        records = {record.id: record for record in self._records(user_id)}
        scores = word_scores(query, {memory_id: record.content for memory_id, record in records.items()})
        best = sorted(scores, key=lambda memory_id: (scores[memory_id], memory_id), reverse=True)
        return [replace(records[memory_id], similarity_score=scores[memory_id]) for memory_id in best[:limit]]

    async def snapshot(self, user_id: str, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        return self._newest(user_id, memory_id)

    async def snapshots(self, user_id: str, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        ids = sorted(memory_id for owner, memory_id in self._copies if owner == user_id)
        found = [self._newest(user_id, memory_id) for memory_id in ids if after is None or memory_id > after]
        return [copy for copy in found if copy is not None][:limit]

    async def users(self, limit: int = MAX_USERS, *, after: str | None = None) -> list[str]:
        """See `Replica`."""
        return sorted({owner for owner, _ in self._copies if after is None or owner > after})[:limit]

    async def identity(self) -> str:
        """See `Replica`."""
        return self._name

    async def health_check(self) -> Health:
        """See `MemoryProvider`."""
        return Health(healthy=True, provider=type(self).__name__)

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """Not asked by a chain, which puts tombstones."""
        raise NotImplementedError

    async def update(
        self,
        user_id: str,
        memory_id: str,
        *,
        content: str | UnsetType = UNSET,
        metadata: Metadata | UnsetType | None = UNSET,
        version: int | None = None,
        edit_id: str | None = None,
    ) -> MemoryRecord:
        """Not asked by a chain, which puts whole states."""
        raise NotImplementedError

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """Not asked by a chain, which asks one by one."""
        raise NotImplementedError

    def _newest(self, user_id: str, memory_id: str) -> Snapshot | None:
        # A beginning may have been remembered twice, the second time after an edit; the edit counts more.
        copies = self._copies.get((user_id, memory_id), ())
        return max(copies, key=lambda copy: (copy.updated_at is not None, copy.version), default=None)

    def _records(self, user_id: str) -> list[MemoryRecord]:
        copies = [self._newest(owner, memory_id) for owner, memory_id in self._copies if owner == user_id]
        return [record_of(copy) for copy in copies if copy is not None]


def state_of(memory: NewMemory) -> Snapshot:
    """Give the state that a memory begins with."""
    assert memory.memory_id is not None
    assert memory.version is not None
    return Snapshot(
        user_id=memory.user_id,
        id=memory.memory_id,
        version=memory.version,
        content=memory.content,
        metadata=memory.metadata,
        created_at=memory.created_at,
        digest=digest_of(memory.content, memory.metadata),
    )
