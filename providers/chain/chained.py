"""ChainedProvider: several providers that keep every promise while any one of them is down."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from providers import limits
from providers.base import MemoryProvider
from providers.chain.account import Account
from providers.chain.deadline import Deadline, Shutdown
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.overlay import record_of
from providers.chain.policy import RECALL_WEIGHT, OperationClass
from providers.chain.reading import Reader
from providers.chain.route import Route
from providers.chain.several import each
from providers.chain.writing import Writer
from providers.errors import ProviderError
from providers.filters import Filter
from providers.journal.base import Journal
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT
from providers.states.clock import HybridClock
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery

CONCURRENT_RECALLS = 4  # questions of one batch that are asked at once


class ChainHealth(Health, frozen=True, kw_only=True):
    """Healthy while somebody can answer reads; `providers` has the health of each in the order."""

    providers: dict[str, Health]


class ChainedProvider(MemoryProvider):
    """Journal first, then home; reads from the first that answers, with what it does not know yet laid over.

    `route` is who takes part, and may be replaced at any moment: an operation keeps the one it began with.
    """

    def __init__(
        self,
        route: Route,
        journal: Journal,
        clock: HybridClock,
        observer: ChainObserver | None = None,
        now: Callable[[], float] = time.monotonic,
        shutdown: Shutdown | None = None,
    ) -> None:
        self.route = route
        self.journal = journal
        self._account = Account(journal, observer or Unobserved(), now, shutdown)
        self._reader = Reader(self._account)
        self._writer = Writer(self._account, self._reader, clock, journal)

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
        memory = NewMemory(
            user_id=user_id,
            content=content,
            metadata=metadata,
            memory_id=memory_id,
            version=version,
            created_at=created_at,
        )
        return await self._writer.remember(self.route.certain, _checked(memory))

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
        question = RecallQuery(
            user_id=user_id,
            query=query,
            limit=limit,
            where=where,
            created_from=created_from,
            created_before=created_before,
            min_score=min_score,
        )
        return await self._recall(question)

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """See `MemoryProvider`."""
        memory_id, edit_id = limits.check_change(user_id, memory_id, version, edit_id)
        return await self._writer.delete(self.route.certain, user_id, memory_id, version, edit_id)

    async def delete_all(self, user_id: str, limit: int = limits.MAX_BATCH) -> int:
        """See `MemoryProvider`; a tombstone for each, so that nothing written later, by whatever clock, goes too."""
        limits.check_delete_all(user_id, limit)
        return await self._writer.delete_all(self.route.certain, user_id, limit)

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
        return await self._reader.page(self.route, user_id, limit, offset, after)

    async def health_check(self) -> ChainHealth:
        """See `MemoryProvider`; all providers are asked at once."""
        route = self.route
        healths = await asyncio.gather(*(link.provider.health_check() for link in route.links))
        return self.health_of(route, {link.name: health for link, health in zip(route.links, healths, strict=True)})

    def health_of(self, route: Route, providers: dict[str, Health]) -> ChainHealth:
        """Tell how a chain of this route is whose providers are so."""
        healthy = any(providers[link.name].healthy for link in route.readers)
        return ChainHealth(
            healthy=healthy,
            provider=type(self).__name__,
            error=None if healthy else "no provider that has received everything answers",
            providers=providers,
        )

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """See `MemoryProvider`."""
        limits.check_user_id(user_id)
        return await self._reader.get(self.route, user_id, limits.check_memory_id(memory_id))

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
        state = await self._writer.update(self.route.certain, user_id, memory_id, content, metadata, version, edit_id)
        return record_of(state)

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """See `MemoryProvider`."""
        limits.check_batch("memories", memories)
        checked = [_checked_or_fault(memory) for memory in memories]
        good = [memory for memory in checked if isinstance(memory, NewMemory)]
        stored = iter(await self._writer.remember_many(self.route.certain, good) if good else [])
        return [next(stored) if isinstance(memory, NewMemory) else memory for memory in checked]

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """See `MemoryProvider`; a few questions at a time, each with the time of a single one.

        What the caller is ready to wait, or what so many questions have, is for all of them together.
        """
        limits.check_batch("queries", queries)
        end = self._account.deadline(self.route, OperationClass.RECALL, RECALL_WEIGHT * len(queries))
        answers = await each(queries, lambda question: self._recall(question, end), CONCURRENT_RECALLS)
        return [answer for answer in answers if answer is not None]

    async def _recall(self, question: RecallQuery, end: Deadline | None = None) -> list[MemoryRecord]:
        limits.check_recall(question)
        return await self._reader.recall(self.route, question, end)


def _checked(memory: NewMemory) -> NewMemory:
    """Give the memory with its id in canonical form; what breaks a rule must not reach the journal."""
    limits.check_new_memory(memory)
    if memory.memory_id is None:
        return memory
    return replace(memory, memory_id=limits.check_memory_id(memory.memory_id))


def _checked_or_fault(memory: NewMemory) -> NewMemory | ProviderError:
    try:
        return _checked(memory)
    except ProviderError as error:
        return error.with_traceback(None)
