"""Every metric of the service, made once per process and handed to the parts that count."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder

# One more series per child, for a moment that nobody charts.
disable_created_metrics()  # type: ignore[no-untyped-call] # the client leaves it so

# The targets of the specification (1, 50, 100 and 500 ms) are exact edges, so that "share below target" is exact.
OPERATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10)

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


class Metrics:
    """The instruments; no user, memory id, path or error text is ever a label.

    One instance per registry: making a second on the same registry raises `ValueError`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.operation_duration = Histogram(
            "ninai_operation_duration_seconds",
            "Time one memory operation took at a provider, by outcome.",
            ("provider", "operation", "outcome"),
            buckets=OPERATION_BUCKETS,
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
        self.embedder_duration = Histogram(
            "ninai_embedder_duration_seconds",
            "Time one call to the embedder took, by outcome.",
            ("embedder", "outcome"),
            buckets=OPERATION_BUCKETS,
            registry=registry,
        )
        self.embeddings_waiting = Gauge(
            "ninai_embeddings_waiting",
            "Memories stored without a vector of the current model, waiting to be embedded.",
            ("provider",),
            registry=registry,
        )
        self.build = Info("ninai_build", "Version of the running service.", registry=registry)

    def expect_operations(self, provider: str, operations: Iterable[str] = OPERATIONS) -> None:
        """Create the children of one provider at start, so that `rate()` sees zeros before the first call."""
        for operation in operations:
            self.operation_duration.labels(provider, operation, "ok")
            self.operation_duration.labels(provider, operation, "unavailable")

    def observe_operation(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Record one operation at one provider."""
        self.operation_duration.labels(provider, operation, outcome).observe(seconds)

    def set_waiting(self, provider: str, count: int) -> None:
        """Say how many memories of one provider wait for a vector."""
        self.embeddings_waiting.labels(provider).set(count)

    def add_waiting(self, provider: str, count: int) -> None:
        """Say that so many more wait."""
        self.embeddings_waiting.labels(provider).inc(count)

    def expose(self, accept: str) -> tuple[bytes, str]:
        """Give everything in the format that the scraper accepts, and the content type of it."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
