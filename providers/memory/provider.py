"""MockMemoryProvider: memories in this process alone, the behaving reference of the protocol."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from heapq import nsmallest
from typing import TypeVar
from uuid import uuid4

from msgspec import UNSET, Struct, UnsetType

from providers import limits, replica_limits
from providers.errors import ProviderError, Rejected
from providers.filters import Filter
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT
from providers.memory.store import InMemoryStore
from providers.replica import MAX_SNAPSHOTS, MAX_USERS, Replica
from providers.states.clock import HybridClock
from providers.types import Health, Host, MemoryRecord, Metadata, NewMemory, Position, RecallQuery, Snapshot

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class MockSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mock"):
    """Memories in this process alone, gone when it ends: for tests and trials."""

    @asynccontextmanager
    async def open(self, host: Host) -> AsyncIterator[Replica]:
        """Start empty."""
        yield MockMemoryProvider(host.clock)


class MockHealth(Health, frozen=True, kw_only=True):
    """Always well; `total_memories` counts those of all users."""

    total_memories: int


class MockMemoryProvider(Replica):
    """Every promise of the protocol, kept in dictionaries; nothing is awaited, so every call is atomic."""

    def __init__(self, clock: HybridClock | None = None) -> None:
        self._clock = clock or HybridClock()
        self._users: dict[str, InMemoryStore] = {}
        self._identity = f"mock:{uuid4()}"

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
        return self._remember(
            NewMemory(
                user_id=user_id,
                content=content,
                metadata=metadata,
                memory_id=memory_id,
                version=version,
                created_at=created_at,
            )
        )

    async def recall(
        self,
        user_id: str,
        query: str,
        limit: int = DEFAULT_RECALL_LIMIT,
        *,
        where: Filter | None = None,
        created_from: datetime | None = None,
        created_before: datetime | None = None,
        min_score: float = 0.0,
    ) -> list[MemoryRecord]:
        """See `MemoryProvider`."""
        return self._recall(
            RecallQuery(
                user_id=user_id,
                query=query,
                limit=limit,
                where=where,
                created_from=created_from,
                created_before=created_before,
                min_score=min_score,
            )
        )

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """See `MemoryProvider`."""
        memory_id, edit_id = limits.check_change(user_id, memory_id, version, edit_id)
        return self._store(user_id).delete(memory_id, version, edit_id)

    async def list_memories(
        self,
        user_id: str,
        limit: int = DEFAULT_LIST_LIMIT,
        offset: int = 0,
        *,
        after: Position | None = None,
    ) -> list[MemoryRecord]:
        """See `MemoryProvider`."""
        limits.check_user_id(user_id)
        limits.check_page(limit, offset, after)
        return self._store(user_id).page(limit, offset, after)

    async def health_check(self) -> Health:
        """See `MemoryProvider`."""
        total = sum(map(len, self._users.values()))
        return MockHealth(healthy=True, provider=type(self).__name__, total_memories=total)

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """See `MemoryProvider`."""
        limits.check_user_id(user_id)
        return self._store(user_id).get(limits.check_memory_id(memory_id))

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
        """See `MemoryProvider`."""
        memory_id, edit_id = limits.check_change(user_id, memory_id, version, edit_id)
        if content is not UNSET:
            limits.check_content(content)
        if metadata is not UNSET:
            limits.check_metadata(metadata)
        return self._store(user_id).edit(memory_id, content, metadata, version, edit_id)

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """See `MemoryProvider`."""
        limits.check_batch("memories", memories)
        return [_answer(self._remember, memory) for memory in memories]

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """See `MemoryProvider`."""
        limits.check_batch("queries", queries)
        return [_answer(self._recall, query) for query in queries]

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        replica_limits.check_snapshots(snapshots)
        return [_answer(self._put, snapshot) for snapshot in snapshots]

    async def snapshot(self, user_id: str, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        limits.check_user_id(user_id)
        return self._store(user_id).snapshot(limits.check_memory_id(memory_id))

    async def snapshots(self, user_id: str, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        after = replica_limits.check_snapshots_page(user_id, limit, after)
        return self._store(user_id).snapshots(limit, after)

    async def users(self, limit: int = MAX_USERS, *, after: str | None = None) -> list[str]:
        """See `Replica`."""
        replica_limits.check_users_page(limit, after)
        return nsmallest(limit, (user_id for user_id in self._users if after is None or user_id > after))

    async def identity(self) -> str:
        """See `Replica`."""
        return self._identity

    def _remember(self, memory: NewMemory) -> str:
        limits.check_new_memory(memory)
        memory_id = None if memory.memory_id is None else limits.check_memory_id(memory.memory_id)
        return self._own_store(memory.user_id).put(memory, memory_id)

    def _recall(self, query: RecallQuery) -> list[MemoryRecord]:
        limits.check_recall(query)
        return self._store(query.user_id).recall(query)

    def _put(self, snapshot: Snapshot) -> None:
        snapshot = replica_limits.check_snapshot(snapshot)
        self._own_store(snapshot.user_id).merge(snapshot)

    def _store(self, user_id: str) -> InMemoryStore:
        """What the user has, to be read; asking for a stranger stores nothing."""
        return self._users.get(user_id, InMemoryStore(user_id, self._clock))

    def _own_store(self, user_id: str) -> InMemoryStore:
        """What the user has, to be written."""
        return self._users.setdefault(user_id, InMemoryStore(user_id, self._clock))


def _answer(ask: Callable[[Item], Answer], item: Item) -> Answer | ProviderError:
    try:
        return ask(item)
    except Rejected as error:
        return error.with_traceback(None)  # a value now, not a failure; the frames would keep the whole batch alive
