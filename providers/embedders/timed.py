"""How long the calls of an embedder take, by what became of them."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from time import perf_counter
from types import TracebackType

from observability.metrics import Metrics
from providers.embedders.base import REJECTED, EmbedderUnavailable

IN_PROCESS = ("ok", REJECTED, "cancelled")  # the outcomes of an embedder that asks nobody


class TimedCalls:
    """Measure the calls of the embedder `name`, each of which ends in one of `outcomes`."""

    def __init__(self, metrics: Metrics, name: str, outcomes: Iterable[str] = IN_PROCESS) -> None:
        self._durations = {one: metrics.embedder_duration.labels(embedder=name, outcome=one) for one in outcomes}

    def timed(self) -> AbstractContextManager[None]:
        """Measure one call, in seconds; what it raises passes."""
        return _Timing(self._observe)

    def _observe(self, outcome: str, seconds: float) -> None:
        self._durations[outcome].observe(seconds)


class _Timing(AbstractContextManager[None]):
    """The measurement of one call; no generator, because it stands in the path of every request."""

    __slots__ = ("_observe", "_started")

    def __init__(self, observe: Callable[[str, float], None]) -> None:
        self._observe = observe

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outcome: str | None = None
        if error is None:
            outcome = "ok"
        elif isinstance(error, EmbedderUnavailable):
            outcome = error.outcome
        elif isinstance(error, asyncio.CancelledError):
            outcome = "cancelled"
        if outcome is not None:
            self._observe(outcome, perf_counter() - self._started)
