"""SourcedProvider: the provider that callers ask, which notes with every write whom it comes from."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from observability.metrics import Metrics
from observability.notes import current
from providers.answers import Changed, Stored
from providers.base import MemoryProvider
from providers.errors import ProviderError
from providers.measured import MeasuredProvider
from providers.source import DEFAULT_ORIGIN, WriteSource
from providers.states.clock import Milliseconds, moment_of, wall_clock_ms
from providers.types import Edit, NewMemory
from providers.wrapper import OperationName

_Write = TypeVar("_Write", NewMemory, Edit)


class SourcedProvider(MeasuredProvider):
    """Note the source of every write here, where all protocols meet, so that none of them can leave it out.

    Who writes is in the notes of the request; of the source that a write has already only the origin counts. Other
    arguments are those of `MeasuredProvider`.
    """

    def __init__(
        self,
        provider: Callable[[], MemoryProvider],
        name: Callable[[], str],
        metrics: Metrics,
        permit: Callable[[OperationName, int], None] = lambda _operation, _size: None,
        answered: Callable[[OperationName, object], None] = lambda _operation, _result: None,
        now_ms: Milliseconds = wall_clock_ms,
    ) -> None:
        super().__init__(provider, name, metrics, permit, answered)
        self._now_ms = now_ms

    def store(self, memory: NewMemory) -> Coroutine[Any, Any, Stored]:
        """See `MemoryStore`."""
        return super().store(self._sourced(memory))

    def put_keyed(self, memory: NewMemory) -> Coroutine[Any, Any, Stored | Changed | None]:
        """See `MemoryStore`."""
        return super().put_keyed(self._sourced(memory))

    def store_many(self, memories: Sequence[NewMemory]) -> Coroutine[Any, Any, list[Stored | ProviderError]]:
        """See `MemoryStore`."""
        return super().store_many([self._sourced(memory) for memory in memories])

    def change(self, edit: Edit) -> Coroutine[Any, Any, Changed]:
        """See `MemoryStore`."""
        return super().change(self._sourced(edit))

    def change_many(self, edits: Sequence[Edit]) -> Coroutine[Any, Any, list[Changed | ProviderError]]:
        """See `MemoryStore`."""
        return super().change_many([self._sourced(edit) for edit in edits])

    def _sourced(self, write: _Write) -> _Write:
        request = current.get()
        source = WriteSource(
            origin=DEFAULT_ORIGIN if write.source is None else write.source.origin,
            caller=None if request is None else request.caller,
            key=None if request is None else request.key,
            at=moment_of(self._now_ms),
        )
        return replace(write, source=source)
