"""Metrics of the journal: whether it answers, and what providers have not confirmed."""

from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics.buckets import JOURNAL_BUCKETS, LAG_BUCKETS
from observability.metrics.children import Children


class JournalMetrics:
    """Count deliveries in the background, and what waits for them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.journal_duration = Histogram(
            "ninai_journal_duration_seconds",
            "Time an operation waited for the journal, by what it asked for (append or look) and outcome.",
            ("call", "outcome"),
            buckets=JOURNAL_BUCKETS,
            registry=registry,
        )
        self.delivery_lag = Histogram(
            "ninai_journal_delivery_lag_seconds",
            "Time from the acceptance of a write until a provider confirmed it in the background.",
            ("provider",),
            buckets=LAG_BUCKETS,
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
        self._waits = Children(self.journal_duration)

    def observe_journal(self, call: str, outcome: str, seconds: float) -> None:
        """Record one wait for the journal."""
        self._waits[call, outcome].observe(seconds)
