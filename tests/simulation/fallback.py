"""An ordered list of providers that knows no journal: what a chain is often thought to be."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.chain.deadline import Deadline
from providers.chain.link import Link
from providers.chain.overlay import record_of
from providers.chain.policy import OperationClass
from providers.chain.turn import Turn
from providers.errors import MemoryNotFound, ProviderError, Unavailable
from providers.filters import Filter
from providers.replica import Replica
from providers.states.clock import HybridClock, new_memory_id
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery, Snapshot

Answer = TypeVar("Answer")


class Fallback(MemoryProvider):
    """Ask one provider after the other."""

    def __init__(
        self, writers: Sequence[Link], readers: Sequence[Link], clock: HybridClock, now: Callable[[], float]
    ) -> None:
        self._writers = writers
        self._readers = readers
        self._clock = clock
        self._now = now

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
        version = version or self._clock.next()
        created_at = created_at or self._clock.moment()
        memory_id = memory_id or new_memory_id()
        return await self._write(
            lambda provider: provider.remember(
                user_id, content, metadata, memory_id=memory_id, version=version, created_at=created_at
            )
        )

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """See `MemoryProvider`."""
        version = version or self._clock.next()
        tombstone = Snapshot(user_id=user_id, id=memory_id, version=version, content=None)

        async def ask(provider: Replica) -> bool:
            former = await provider.snapshot(user_id, memory_id)
            await provider.put_many([tombstone])
            return former is not None and not former.deleted

        return await self._write(ask)

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

        async def ask(provider: Replica) -> MemoryRecord:
            former = await provider.snapshot(user_id, memory_id)
            if former is None or former.deleted:
                raise MemoryNotFound(memory_id)
            self._clock.observe(former.version)
            state = replace(
                former,
                content=former.content if content is UNSET else content,
                metadata=former.metadata if metadata is UNSET else metadata,
                version=self._clock.next(),
            )
            await provider.put_many([state])
            return record_of(state)

        return await self._write(ask)

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """See `MemoryProvider`."""
        return await self._read(lambda provider: provider.get(user_id, memory_id))

    async def delete_all(self, user_id: str, limit: int = 100) -> int:
        """See `MemoryProvider`."""
        there = await self.list_memories(user_id, limit)
        return sum([await self.delete(user_id, record.id) for record in there])

    async def list_memories(
        self, user_id: str, limit: int = 100, offset: int = 0, *, after: Position | None = None
    ) -> list[MemoryRecord]:
        """See `MemoryProvider`."""
        return await self._read(lambda provider: provider.list_memories(user_id, limit, offset, after=after))

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
        return await self._read(lambda provider: provider.recall(user_id, query, limit))

    async def health_check(self) -> Health:
        """Not asked."""
        raise NotImplementedError

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """See `MemoryProvider`."""
        return [
            await _value(self.remember(memory.user_id, memory.content, memory_id=memory.memory_id))
            for memory in memories
        ]

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """See `MemoryProvider`."""
        return [await _value(self.recall(query.user_id, query.query)) for query in queries]

    async def _write(self, ask: Callable[[Replica], Awaitable[Answer]]) -> Answer:
        return await self._first(self._writers, ask, OperationClass.REMEMBER)

    async def _read(self, ask: Callable[[Replica], Awaitable[Answer]]) -> Answer:
        return await self._first(self._readers, ask, OperationClass.RECALL)

    async def _first(
        self, links: Sequence[Link], ask: Callable[[Replica], Awaitable[Answer]], operation: OperationClass
    ) -> Answer:
        deadline = Deadline.after(links[0].attempts.policy.of(operation).deadline, self._now)
        for link in links[:-1]:
            try:
                return await link.call(ask, operation, Turn(deadline.earlier(deadline.remaining() / 2), others=True))
            except Unavailable:
                continue
        return await links[-1].call(ask, operation, Turn(deadline))


async def _value(ask: Coroutine[Any, Any, Answer]) -> Answer | ProviderError:
    try:
        return await ask
    except ProviderError as error:
        return error
