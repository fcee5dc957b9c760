"""What callers ask for: how long it took, how it ended, and what it lacked."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics.buckets import OPERATION_BUCKETS, OVERHEAD_BUCKETS

OPERATIONS = (
    "remember",
    "recall",
    "get",
    "update",
    "delete",
    "list_memories",
    "remember_many",
    "recall_many",
    "health_check",
)


class OperationMetrics:
    """Operations and the requests that they came with."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.operation_duration = Histogram(
            "ninai_operation_duration_seconds",
            "Time one memory operation took for its caller, by the provider that answered and outcome.",
            ("provider", "operation", "outcome"),
            buckets=OPERATION_BUCKETS,
            registry=registry,
        )
        self.operation_overhead = Histogram(
            "ninai_operation_overhead_seconds",
            "Time of an operation that was not spent waiting for providers and the journal.",
            ("operation",),
            buckets=OVERHEAD_BUCKETS,
            registry=registry,
        )
        self.degraded = Counter(
            "ninai_degraded_answers",
            "Answers that were less than they could be, by why, as `Memory-Degraded` says it.",
            ("operation", "reason"),
            registry=registry,
        )
        self.http_duration = Histogram(
            "ninai_http_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response, by route template.",
            ("method", "route", "status"),
            buckets=OPERATION_BUCKETS,
            registry=registry,
        )
        self.http_in_flight = Gauge("ninai_http_requests_in_flight", "Requests being answered now.", registry=registry)

    def expect_operations(self, provider: str, operations: Iterable[str] = OPERATIONS) -> None:
        """Create the children of one provider at start, so that `rate()` sees zeros before the first call."""
        for operation in operations:
            self.operation_duration.labels(provider, operation, "ok")
            self.operation_duration.labels(provider, operation, "unavailable")

    def observe_operation(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Record one operation at one provider."""
        self.operation_duration.labels(provider, operation, outcome).observe(seconds)

    def observe_overhead(self, operation: str, seconds: float) -> None:
        """Record what one operation cost beyond waiting for others."""
        self.operation_overhead.labels(operation).observe(seconds)

    def observe_degraded(self, operation: str, reasons: Iterable[str]) -> None:
        """Record why one answer was less than it could be."""
        for reason in reasons:
            self.degraded.labels(operation, reason).inc()
