"""A provider whose every call is timed, counted, noted and traced, whatever provider it is."""

from collections.abc import Callable, Sequence
from datetime import datetime
from time import perf_counter
from types import TracebackType
from typing import Self

from msgspec import UNSET, UnsetType

from observability import notes, tracing
from observability.metrics import Metrics
from providers.base import MemoryProvider
from providers.errors import ProviderError, Rejected
from providers.filters import Filter
from providers.limits import DEFAULT_LIST_LIMIT, DEFAULT_RECALL_LIMIT, MAX_BATCH
from providers.types import Health, MemoryRecord, Metadata, NewMemory, Position, RecallQuery


class MeasuredProvider(MemoryProvider):
    """Pass every call on; record how long it took and how it ended, under the name of who answered.

    `provider` gives who is in charge now, and `name` under whose name an operation is counted that nobody answered.
    """

    def __init__(self, provider: Callable[[], MemoryProvider], name: Callable[[], str], metrics: Metrics) -> None:
        self._current = provider
        self._name = name
        self._metrics = metrics

    @property
    def _provider(self) -> MemoryProvider:
        return self._current()

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
        """Pass on."""
        with self._measure("remember"):
            return await self._provider.remember(
                user_id, content, metadata, memory_id=memory_id, version=version, created_at=created_at
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
        """Pass on."""
        with self._measure("recall"):
            return await self._provider.recall(
                user_id,
                query,
                limit,
                where=where,
                created_from=created_from,
                created_before=created_before,
                min_score=min_score,
            )

    async def delete(
        self, user_id: str, memory_id: str, *, version: int | None = None, edit_id: str | None = None
    ) -> bool:
        """Pass on."""
        with self._measure("delete"):
            return await self._provider.delete(user_id, memory_id, version=version, edit_id=edit_id)

    async def delete_all(self, user_id: str, limit: int = MAX_BATCH) -> int:
        """Pass on."""
        with self._measure("delete_all"):
            return await self._provider.delete_all(user_id, limit)

    async def list_memories(
        self, user_id: str, limit: int = DEFAULT_LIST_LIMIT, offset: int = 0, *, after: Position | None = None
    ) -> list[MemoryRecord]:
        """Pass on."""
        with self._measure("list_memories"):
            return await self._provider.list_memories(user_id, limit, offset, after=after)

    async def health_check(self) -> Health:
        """Pass on; an unhealthy answer counts as unavailable."""
        with self._measure("health_check") as span:
            health = await self._provider.health_check()
            span.outcome = "ok" if health.healthy else "unavailable"
            return health

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """Pass on."""
        with self._measure("get"):
            return await self._provider.get(user_id, memory_id)

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
        """Pass on."""
        with self._measure("update"):
            return await self._provider.update(
                user_id, memory_id, content=content, metadata=metadata, version=version, edit_id=edit_id
            )

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """Pass on."""
        with self._measure("remember_many"):
            return await self._provider.remember_many(memories)

    async def recall_many(self, queries: Sequence[RecallQuery]) -> list[list[MemoryRecord] | ProviderError]:
        """Pass on."""
        with self._measure("recall_many"):
            return await self._provider.recall_many(queries)

    def _measure(self, operation: str) -> "_Span":
        return _Span(self._name, operation, self._metrics)


class _Span:
    """One call: a context manager by hand, since it stands in the path of every request."""

    __slots__ = ("_metrics", "_name", "_operation", "_started", "_traced", "outcome")

    def __init__(self, name: Callable[[], str], operation: str, metrics: Metrics) -> None:
        self._name = name
        self._operation = operation
        self._metrics = metrics
        self._started = 0.0
        self._traced = tracing.NOTHING
        self.outcome = "ok"

    def __enter__(self) -> Self:
        self._traced = tracing.span(self._operation).__enter__()
        self._started = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._started
        request = notes.current.get()
        if isinstance(error, ProviderError):
            self.outcome = error.outcome
        elif error is not None:
            self.outcome = "bug" if isinstance(error, Exception) else "cancelled"
        elif request is not None and request.accepted:
            self.outcome = "accepted"
        name = (request.provider if request is not None else None) or self._name()
        self._metrics.observe_operation(name, self._operation, self.outcome, seconds)
        if request is not None:
            waited = request.provider_seconds + request.journal_seconds
            self._metrics.observe_overhead(self._operation, max(0.0, seconds - waited))
            self._metrics.observe_degraded(self._operation, request.degraded)
        if self._traced.recorded:
            self._traced.set("ninai.provider", name)
            self._traced.set("ninai.outcome", self.outcome)
            if request is not None and request.degraded:
                self._traced.set("ninai.degraded", request.degraded)
            if isinstance(error, Rejected):
                self._traced.answer()
        self._traced.__exit__(kind, error, traceback)
