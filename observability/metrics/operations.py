"""Metrics of callers' operations: how long they took, how they ended, and how they were degraded."""

from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability import tracing
from observability.metrics.buckets import OPERATION_BUCKETS, OVERHEAD_BUCKETS
from observability.metrics.children import Children

_SINGLE = ("remember", "recall", "get", "update", "delete")
OPERATIONS = (*_SINGLE, "delete_all", "list_memories", "feed", "remember_many", "recall_many", "health_check")

# What callers' requests end with in normal operation, and in the first moment of an outage.
_STATUSES = ("200", "500", "503")


class OperationMetrics:
    """Count operations and the requests that they came with."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.operation_duration = histogram(
            "ninai_operation_duration_seconds",
            "Time one memory operation took for its caller, by the provider that answered and outcome.",
            ("provider", "operation", "outcome"),
            buckets=OPERATION_BUCKETS,
        )
        self.operation_overhead = histogram(
            "ninai_operation_overhead_seconds",
            "Time of an operation that was not spent waiting for providers and the journal.",
            ("operation",),
            buckets=OVERHEAD_BUCKETS,
        )
        self.degraded = counter(
            "ninai_degraded_answers",
            "Answers that were less than they could be, by why, as `Memory-Degraded` says it.",
            ("operation", "reason"),
        )
        self.http_duration = histogram(
            "ninai_http_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response, by route template.",
            ("method", "route", "status"),
            buckets=OPERATION_BUCKETS,
        )
        self.http_in_flight = gauge("ninai_http_requests_in_flight", "Requests being answered now.")
        self._durations = Children(self.operation_duration)
        self._overheads = Children(self.operation_overhead)
        self._degraded = Children(self.degraded)
        self._requests = Children(self.http_duration)
        self._routes: set[tuple[str, str]] = set()

    def expect_operations(self, provider: str, outcomes: Iterable[str], operations: Iterable[str] = OPERATIONS) -> None:
        """Create the children of one provider at start, so that `rate()` sees zeros before the first call."""
        outcomes = tuple(outcomes)
        for operation in operations:
            for outcome in outcomes:
                self.operation_duration.labels(provider, operation, outcome)

    def observe_operation(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Record one operation at one provider."""
        self._durations[provider, operation, outcome].observe(seconds, tracing.exemplar())

    def observe_overhead(self, operation: str, seconds: float) -> None:
        """Record what one operation cost beyond waiting for providers and the journal."""
        self._overheads[operation,].observe(seconds)

    def observe_degraded(self, operation: str, reasons: Iterable[str]) -> None:
        """Record why one answer was degraded."""
        for reason in reasons:
            self._degraded[operation, reason].inc()

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record one request.

        The first one of a route begins what its further ones will end with, too: else the failures between two scrapes
        would be the first value of a series, which is no increase. A route that nobody asks has no series.
        """
        if (method, route) not in self._routes:
            self._routes.add((method, route))
            for expected in _STATUSES:
                self.http_duration.labels(method, route, expected)
        self._requests[method, route, str(status)].observe(seconds, tracing.exemplar())
