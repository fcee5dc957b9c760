"""Metrics of the journal: whether it answers, and what providers have not confirmed."""

from functools import partial
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics.buckets import JOURNAL_BUCKETS, LAG_BUCKETS
from observability.metrics.children import Children


class JournalMetrics:
    """Count deliveries in the background, and what waits for them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.journal_duration = histogram(
            "ninai_journal_duration_seconds",
            "Time an operation waited for the journal, by what it asked for (append or look) and outcome.",
            ("call", "outcome"),
            buckets=JOURNAL_BUCKETS,
        )
        self.delivery_lag = histogram(
            "ninai_journal_delivery_lag_seconds",
            "Time from the acceptance of a write until a provider took it in the background.",
            ("provider",),
            buckets=LAG_BUCKETS,
        )
        self.deliveries = counter(
            "ninai_journal_deliveries",
            "Deliveries in the background, by outcome: done, held until the provider shows them, postponed or dead.",
            ("provider", "outcome"),
        )
        self.slowed_writes = counter(
            "ninai_slowed_writes",
            "Writes that were slowed down because of what waits for home, by why: old_backlog, or large_backlog of a"
            " user.",
            ("reason",),
        )
        self.contradictions = counter(
            "ninai_provider_contradictions",
            "Times that a provider did not show what it had confirmed longer ago than it may be stale.",
            ("provider",),
        )
        self.expired_memories = counter(
            "ninai_expired_memories_erased",
            "Memories that were erased because they had been expired for an hour, by the provider that held them.",
            ("provider",),
        )
        self.touches = counter(
            "ninai_touches",
            "Memories that were given to somebody and have their time again, by what became of it: written, failed, or"
            " dropped because too many waited.",
            ("outcome",),
        )
        self.erased_states = counter(
            "ninai_erased_states",
            "Memories and tombstones of erased users that were removed, by the provider that held them.",
            ("provider",),
        )
        self.erasures_pending = gauge("ninai_erasures_pending", "Erasures of users that are not finished.")
        self.erasures_oldest = gauge(
            "ninai_erasures_oldest_seconds", "Age of the oldest erasure that is not finished, 0 if there is none."
        )
        self.journal_pending = gauge(
            "ninai_journal_pending", "Operations that a provider has not confirmed.", ("provider",)
        )
        self.journal_oldest = gauge(
            "ninai_journal_oldest_pending_seconds",
            "Age of the oldest operation that a provider has not confirmed, 0 if there is none.",
            ("provider",),
        )
        self.journal_dead = gauge("ninai_journal_dead", "Deliveries given up, waiting for an operator.", ("provider",))
        self.journal_up = gauge(
            "ninai_journal_up", "1 while the journal answers, 0 while it does not, NaN where there is none."
        )
        self.journal_up.set(nan)
        self._waits = Children(self.journal_duration)

    def observe_journal(self, call: str, outcome: str, seconds: float) -> None:
        """Record one wait for the journal."""
        self._waits[call, outcome].observe(seconds)
