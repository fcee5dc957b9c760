"""Metrics of providers: the outcomes of calls to them, and the state of each."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability import tracing
from observability.metrics.buckets import OPERATION_BUCKETS
from observability.metrics.children import Children


class ProviderMetrics:
    """Measure attempts, retries, hedges and fallbacks; breakers, budgets and roles."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.attempt_duration = histogram(
            "ninai_provider_attempt_duration_seconds",
            "Time of one try at a provider, the wait for a place included, by operation class and outcome.",
            ("provider", "operation", "outcome"),
            buckets=OPERATION_BUCKETS,
        )
        self.retries = counter("ninai_provider_retries", "Tries after the first one.", ("provider", "operation"))
        self.retries_given_up = counter(
            "ninai_provider_retries_given_up",
            "Failures that another try might have mended but got none, by reason: tries, deadline, breaker or budget.",
            ("provider", "operation", "reason"),
        )
        self.fallbacks = counter(
            "ninai_fallbacks",
            "Reads for which the next provider was asked, by why the one before did not answer.",
            ("source", "target", "operation", "reason"),
        )
        self.calls_in_flight = gauge(
            "ninai_provider_calls_in_flight", "Calls of this process to a provider that are under way.", ("provider",)
        )
        self.places = gauge(
            "ninai_provider_places", "How many calls of this process a provider may have under way.", ("provider",)
        )
        self.background_tries_in_flight = gauge(
            "ninai_background_tries_in_flight",
            "Tries of writes at a provider that go on in this process after their callers were answered 202.",
            ("provider",),
        )
        self.background_tries = counter(
            "ninai_background_tries",
            "Tries of writes that went on after their callers were answered 202, by how they ended: answered, failed,"
            " or given up as one too many.",
            ("provider", "outcome"),
        )
        self.retries_left = gauge(
            "ninai_provider_retries_left", "How many retries and hedges the budget would allow now.", ("provider",)
        )
        self.hedges = counter(
            "ninai_provider_hedges",
            "Calls to a provider beside a slow call to another one: sent, won, lost, or refused by the budget.",
            ("provider", "operation", "event"),
        )
        self.asked_second = gauge(
            "ninai_provider_asked_second",
            "1 while reads ask another provider first because most answers of this one are slow.",
            ("provider",),
        )
        self.patience = gauge(
            "ninai_provider_patience_seconds",
            "How long a read waits for a provider before another one is asked as well.",
            ("provider", "operation"),
        )
        self.breaker_state = gauge(
            "ninai_breaker_state",
            "1 for the state that the circuit breaker of a provider is in, 0 for the others.",
            ("provider", "state"),
        )
        self.breaker_transitions = counter(
            "ninai_breaker_transitions", "Changes of a circuit breaker into a state.", ("provider", "state")
        )
        self.provider_role = gauge(
            "ninai_provider_role",
            "1 for the role of a provider: home, standby, filling while it has not received everything, or restored"
            " while it lacks what it had received.",
            ("provider", "role"),
        )
        self.provider_kind = gauge(
            "ninai_provider_info", "Always 1; what kind of provider goes by a name.", ("provider", "kind")
        )
        self.mem0_dropped = counter(
            "ninai_mem0_dropped",
            "Memories in mem0's answers that were left out: of another user, or not to be read.",
            ("provider", "reason"),
        )
        self.filling_memories = gauge(
            "ninai_filling_memories",
            "Memories of a provider that is being filled by this process: copied, compared so far, and repaired.",
            ("provider", "step"),
        )
        self.filling_users = gauge(
            "ninai_filling_users",
            "Users of whom a provider that is being filled by this process has received everything.",
            ("provider",),
        )
        self.store_differences = gauge(
            "ninai_store_differences",
            "Memories in which a complete provider differs from the others and which the patrol may not heal, by kind.",
            ("provider", "kind"),
        )
        self.store_differences_healed = counter(
            "ninai_store_differences_healed",
            "Differences between complete providers that the patrol has healed at a provider, by kind.",
            ("provider", "kind"),
        )
        self.store_events = counter(
            "ninai_store_events",
            "What was found out about the store of a provider: rolled_back, replaced, suspected, refused, or"
            " journal_rolled_back where it knows more than the journal.",
            ("provider", "event"),
        )
        self.store_behind = gauge(
            "ninai_store_behind_seconds",
            "How far back the store of a restored provider was put, where that is known.",
            ("provider",),
        )
        self.store_refused = gauge(
            "ninai_store_refused",
            "1 while this process does not accept the store of a provider, so that it is neither read nor written.",
            ("provider",),
        )
        self._attempts = Children(self.attempt_duration)

    def observe_attempt(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """Record one try at a provider."""
        self._attempts[provider, operation, outcome].observe(seconds, tracing.exemplar())
