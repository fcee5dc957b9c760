"""Metrics of providers: the outcomes of calls to them, and the state of each."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability import tracing
from observability.metrics.buckets import OPERATION_BUCKETS
from observability.metrics.children import Children


class ProviderMetrics:
    """Measure attempts, retries and fallbacks; breakers, budgets and roles."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self.mem0_dropped = Counter(
            "ninai_mem0_dropped",
            "Memories in mem0's answers that were left out: of another user, or not to be read.",
            ("provider", "reason"),
            registry=registry,
        )
        self.filling_memories = Gauge(
            "ninai_filling_memories",
            "Memories of a provider that is being filled by this process: copied, compared so far, and repaired.",
            ("provider", "step"),
            registry=registry,
        )
        self.filling_users = Gauge(
            "ninai_filling_users",
            "Users of whom a provider that is being filled by this process has received everything.",
            ("provider",),
            registry=registry,
        )
        self._attempts = Children(self.attempt_duration)

    def observe_attempt(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Record one try at a provider."""
        self._attempts[provider, operation, outcome].observe(seconds, tracing.exemplar())
