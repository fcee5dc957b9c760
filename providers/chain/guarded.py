"""GuardedProvider: one provider alone, asked within limits and tried again, without a journal."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from observability import notes
from providers import limits
from providers.base import MemoryProvider
from providers.chain.deadline import Deadline, Shutdown
from providers.chain.errors import BreakerOpen
from providers.chain.link import Link
from providers.chain.policy import RECALL_WEIGHT, OperationClass
from providers.chain.turn import Turn
from providers.errors import CursorLost, ProviderError
from providers.filters import Filter
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT, MAX_BATCH
from providers.replica import Replica
from providers.states.clock import HybridClock, new_memory_id
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery

Answer = TypeVar("Answer")


class GuardedProvider(MemoryProvider):
    """Pass every call on, with ids and moments given here, so that a second try is the same write as the first."""

    def __init__(
        self,
        link: Link,
        clock: HybridClock,
        now: Callable[[], float] = time.monotonic,
        shutdown: Shutdown | None = None,
    ) -> None:
        self.link = link
        self._shutdown = shutdown
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
        memory = self._minted(
            NewMemory(
                user_id=user_id,
                content=content,
                metadata=metadata,
                memory_id=memory_id,
                version=version,
                created_at=created_at,
            )
        )
        return await self._ask(
            OperationClass.REMEMBER,
            lambda provider: provider.remember(
                user_id,
                content,
                metadata,
                memory_id=memory.memory_id,
                version=memory.version,
                created_at=memory.created_at,
            ),
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
        return await self._ask(
            OperationClass.RECALL,
            lambda provider: provider.recall(
                user_id,
                query,
                limit,
                where=where,
                created_from=created_from,
                created_before=created_before,
                min_score=min_score,
            ),
        )

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """See `MemoryProvider`."""
        edit_id = edit_id or str(uuid4())
        return await self._ask(
            OperationClass.DELETE,
            lambda provider: provider.delete(user_id, memory_id, version=version, edit_id=edit_id),
        )

    async def delete_all(self, user_id: str, limit: int = MAX_BATCH) -> int:
        """See `MemoryProvider`; what a try that got no answer has deleted is not counted."""
        limits.check_delete_all(user_id, limit)
        return await self._ask(OperationClass.DELETE, lambda provider: provider.delete_all(user_id, limit), size=limit)

    async def list_memories(
        self, user_id: str, limit: int = DEFAULT_LIST_LIMIT, offset: int = 0, *, after: Position | None = None
    ) -> list[MemoryRecord]:
        """See `MemoryProvider`."""
        request = notes.current.get()
        if after is not None and request is not None and request.page_of not in (None, self.link.name):
            raise CursorLost(str(request.page_of))
        return await self._ask(
            OperationClass.READ, lambda provider: provider.list_memories(user_id, limit, offset, after=after)
        )

    async def health_check(self) -> Health:
        """See `MemoryProvider`."""
        return await self.link.provider.health_check()

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """See `MemoryProvider`."""
        return await self._ask(OperationClass.READ, lambda provider: provider.get(user_id, memory_id))

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
        edit_id = edit_id or str(uuid4())
        return await self._ask(
            OperationClass.REMEMBER,
            lambda provider: provider.update(
                user_id, memory_id, content=content, metadata=metadata, version=version, edit_id=edit_id
            ),
        )

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """See `MemoryProvider`."""
        minted = [self._minted(memory) for memory in memories]
        return await self._ask(
            OperationClass.REMEMBER, lambda provider: provider.remember_many(minted), size=len(minted)
        )

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """See `MemoryProvider`."""
        size = RECALL_WEIGHT * len(queries)
        return await self._ask(OperationClass.RECALL, lambda provider: provider.recall_many(queries), size=size)

    def _minted(self, memory: NewMemory) -> NewMemory:
        return replace(
            memory,
            memory_id=memory.memory_id or new_memory_id(self._clock.milliseconds),
            version=self._clock.next() if memory.version is None else memory.version,
            created_at=memory.created_at or self._clock.moment(),
        )

    async def _ask(
        self, operation: OperationClass, ask: Callable[[Replica], Awaitable[Answer]], size: int = 1
    ) -> Answer:
        size = max(1, size)
        seconds = self.link.attempts.seconds(operation, size)
        request = notes.current.get()
        if request is not None and request.patience is not None:
            seconds = request.patience
        deadline = Deadline.after(seconds, self._now, self._shutdown)
        try:
            return await self.link.call(ask, operation, Turn(deadline), size=size)
        except BreakerOpen:
            # There is nobody else to ask, and so nothing gained by waiting for the pause to end.
            return await self.link.call(ask, operation, Turn(deadline, last_resort=True), size=size)
