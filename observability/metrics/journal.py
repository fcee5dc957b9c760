"""The journal: whether it answers, and what providers have not confirmed."""

from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge


class JournalMetrics:
    """Deliveries in the background, and what waits for them."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
