"""Metrics of the connection pools of databases: size, use, and callers that wait for a connection."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from math import inf
from time import perf_counter
from types import TracebackType
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, Histogram

from observability.metrics.buckets import JOURNAL_BUCKETS

_OUTCOMES = ("ok", "failed")


class Pool(Protocol):
    """Describe the interface through which a connection pool reports its use."""

    def size(self) -> int:
        """Return how many connections the pool may have."""

    def checkedout(self) -> int:
        """Return how many connections are in use."""

    def checkedin(self) -> int:
        """Return how many connections are idle."""


class PoolWaits:
    """Count the callers that wait for a connection of one pool; `least` is the shortest wait that was worth it."""

    def __init__(self, duration: Histogram, provider: str) -> None:
        self.count = 0
        self.least = inf
        self._durations = {outcome: duration.labels(provider, outcome) for outcome in _OUTCOMES}

    def one(self) -> AbstractContextManager[None]:
        """Count one waiting caller for as long as the returned context lasts."""
        return _PoolWait(self)

    def begin(self) -> None:
        """Count one more waiting caller."""
        self.count += 1

    def end(self, seconds: float, outcome: str) -> None:
        """Count one fewer, who has waited so long."""
        self.count -= 1
        self._durations[outcome].observe(seconds)
        if outcome == "ok" and seconds < self.least:
            self.least = seconds


class _PoolWait(AbstractContextManager[None]):
    """One caller's wait; no generator, because it stands in the path of every statement."""

    __slots__ = ("_started", "_waits")

    def __init__(self, waits: PoolWaits) -> None:
        self._waits = waits

    def __enter__(self) -> None:
        self._started = perf_counter()
        self._waits.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._waits.end(perf_counter() - self._started, "ok" if kind is None else "failed")


class PoolMetrics:
    """Measure connection pools, by the provider whose database it is; `journal` for the journal's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.database_connections = gauge(
            "ninai_database_connections",
            "Connections of this process to a database, in use or idle; the most is the pool size.",
            ("provider", "state"),
        )
        self.database_pool_size = gauge(
            "ninai_database_pool_size", "How many connections this process may have to a database.", ("provider",)
        )
        self.database_waiting = gauge(
            "ninai_database_waiting",
            "Callers of this process that wait for a connection to become free, or to be made.",
            ("provider",),
        )
        self.database_acquire_duration = histogram(
            "ninai_database_acquire_duration_seconds",
            "Time a caller waited for a connection to a database, by outcome: ok or failed.",
            ("provider", "outcome"),
            buckets=JOURNAL_BUCKETS,
        )
        self._shown: dict[str, PoolWaits] = {}

    @contextmanager
    def watched_pool(self, provider: str, pool: Callable[[], Pool]) -> Iterator[PoolWaits]:
        """Show a pool, read anew in every scrape, for as long as the context lasts.

        Whatever takes a connection from the pool must enter `one()` of the yielded value while it waits.
        """
        waiting = self._shown[provider] = PoolWaits(self.database_acquire_duration, provider)
        self.database_connections.labels(provider, "in_use").set_function(lambda: pool().checkedout())
        self.database_connections.labels(provider, "idle").set_function(lambda: pool().checkedin())
        self.database_pool_size.labels(provider).set_function(lambda: pool().size())
        self.database_waiting.labels(provider).set_function(lambda: waiting.count)
        try:
            yield waiting
        finally:
            # A pool that was opened anew under its name is already shown when the former one closes.
            if self._shown[provider] is waiting:
                del self._shown[provider]
                for gauge in (self.database_connections, self.database_pool_size, self.database_waiting):
                    gauge.remove_by_labels({"provider": provider})

    def least_wait_for_a_connection(self) -> float:
        """Return the shortest wait at the busiest pool since this was asked last, in seconds; 0 if nobody waited.

        Of whoever waits in vain nothing is known: it may be the database that does not answer.
        """
        longest = 0.0
        for waits in self._shown.values():
            if waits.least != inf:
                longest, waits.least = max(longest, waits.least), inf
        return longest
