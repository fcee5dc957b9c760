"""How long the calls of an embedder take, by what became of them."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter

from observability.metrics import Metrics
from providers.embedders.base import REJECTED, EmbedderUnavailable

IN_PROCESS = ("ok", REJECTED, "cancelled")  # the outcomes of an embedder that asks nobody


class TimedCalls:
    """Measure the calls of the embedder `name`, each of which ends in one of `outcomes`."""

    def __init__(self, metrics: Metrics, name: str, outcomes: Iterable[str] = IN_PROCESS) -> None:
        self._durations = {one: metrics.embedder_duration.labels(embedder=name, outcome=one) for one in outcomes}

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure one call, in seconds; what it raises passes."""
        started = perf_counter()
        outcome: str | None = None
        try:
            yield
            outcome = "ok"
        except EmbedderUnavailable as error:
            outcome = error.outcome
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            if outcome is not None:
                self._durations[outcome].observe(perf_counter() - started)
