"""Every metric of the service, made once per process and handed to the parts that count."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder

# One more series per child, for a moment that nobody charts.
disable_created_metrics()  # type: ignore[no-untyped-call] # the client leaves it so

# The targets of the specification (1, 50, 100 and 500 ms) are exact edges, so that "share below target" is exact.
OPERATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10)

# Fine around the one millisecond that the specification allows for choosing a provider.
OVERHEAD_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.0025, 0.005, 0.01, 0.05)

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
        self.attempt_duration = Histogram(
            "ninai_provider_attempt_duration_seconds",
            "Time of one try at a provider, the wait for a place included, by operation class and outcome.",
            ("provider", "operation", "outcome"),
            buckets=OPERATION_BUCKETS,
            registry=registry,
        )
        self.retries = Counter(
            "ninai_provider_retries", "Tries after the first one.", ("provider", "operation"), registry=registry
        )
        self.retries_given_up = Counter(
            "ninai_provider_retries_given_up",
            "Failures that another try might have mended but got none, by reason: tries, deadline, breaker or budget.",
            ("provider", "operation", "reason"),
            registry=registry,
        )
        self.fallbacks = Counter(
            "ninai_fallbacks",
            "Reads for which the next provider was asked, by why the one before did not answer.",
            ("source", "target", "operation", "reason"),
            registry=registry,
        )
        self.degraded = Counter(
            "ninai_degraded_answers",
            "Answers that were less than they could be, by why, as `Memory-Degraded` says it.",
            ("operation", "reason"),
            registry=registry,
        )
        self.calls_in_flight = Gauge(
            "ninai_provider_calls_in_flight",
            "Calls of this process to a provider that are under way.",
            ("provider",),
            registry=registry,
        )
        self.places = Gauge(
            "ninai_provider_places",
            "How many calls of this process a provider may have under way.",
            ("provider",),
            registry=registry,
        )
        self.retries_left = Gauge(
            "ninai_provider_retries_left", "What the retry budget would allow now.", ("provider",), registry=registry
        )
        self.breaker_state = Gauge(
            "ninai_breaker_state",
            "1 for the state that the circuit breaker of a provider is in, 0 for the others.",
            ("provider", "state"),
            registry=registry,
        )
        self.breaker_transitions = Counter(
            "ninai_breaker_transitions",
            "Changes of a circuit breaker into a state.",
            ("provider", "state"),
            registry=registry,
        )
        self.deliveries = Counter(
            "ninai_journal_deliveries",
            "Deliveries in the background, by outcome: done, postponed or dead.",
            ("provider", "outcome"),
            registry=registry,
        )
        self.journal_pending = Gauge(
            "ninai_journal_pending", "Operations that a provider has not confirmed.", ("provider",), registry=registry
        )
        self.journal_oldest = Gauge(
            "ninai_journal_oldest_pending_seconds",
            "Age of the oldest operation that a provider has not confirmed, 0 if there is none.",
            ("provider",),
            registry=registry,
        )
        self.journal_dead = Gauge(
            "ninai_journal_dead", "Deliveries given up, waiting for an operator.", ("provider",), registry=registry
        )
        self.journal_up = Gauge(
            "ninai_journal_up",
            "1 while the journal answers, 0 while it does not, NaN where there is none.",
            registry=registry,
        )
        self.journal_up.set(nan)
        self.provider_role = Gauge(
            "ninai_provider_role",
            "1 for the role of a provider: home, standby, or filling while it has not received everything.",
            ("provider", "role"),
            registry=registry,
        )
        self.provider_kind = Gauge(
            "ninai_provider_info",
            "Always 1; what kind of provider goes by a name.",
            ("provider", "kind"),
            registry=registry,
        )
        self.database_connections = Gauge(
            "ninai_database_connections",
            "Connections of this process to a provider's database, in use or idle; the most is the pool size.",
            ("provider", "state"),
            registry=registry,
        )
        self.config_reloads = Counter(
            "ninai_config_reloads",
            "Looks at a changed configuration, by outcome: ok or refused.",
            ("outcome",),
            registry=registry,
        )
        self.config_last_reload_ok = Gauge(
            "ninai_config_last_reload_successful",
            "1 if the last changed configuration was taken, 0 if it was refused.",
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
        self.mem0_dropped = Counter(
            "ninai_mem0_dropped",
            "Memories in mem0's answers that were left out: of another user, or not to be read.",
            ("provider", "reason"),
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

    def observe_overhead(self, operation: str, seconds: float) -> None:
        """Record what one operation cost beyond waiting for others."""
        self.operation_overhead.labels(operation).observe(seconds)

    def observe_degraded(self, operation: str, reasons: Iterable[str]) -> None:
        """Record why one answer was less than it could be."""
        for reason in reasons:
            self.degraded.labels(operation, reason).inc()

    @contextmanager
    def watched_pool(self, provider: str, in_use: Callable[[], int], idle: Callable[[], int]) -> Iterator[None]:
        """Show a pool of connections, asked at every scrape, for as long as the context lasts."""
        looks = {"in_use": in_use, "idle": idle}
        for state, look in looks.items():
            self.database_connections.labels(provider, state).set_function(look)
        try:
            yield
        finally:
            for state in looks:
                self.database_connections.remove(provider, state)

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
