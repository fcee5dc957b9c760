"""Metrics of the extraction of facts from messages."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from observability.metrics.buckets import OPERATION_BUCKETS


class ExtractionMetrics:
    """Count extractions and the facts that come of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.extractions = Counter(
            "ninai_extractions_total",
            "Extractions of facts from messages, by outcome; but for `ok` and `repeated` the messages alone are kept.",
            ("outcome",),
            registry=registry,
        )
        self.extraction_duration = Histogram(
            "ninai_extraction_duration_seconds",
            "Time one extraction took from its turn on: the language model, and storing the facts.",
            buckets=OPERATION_BUCKETS,
            registry=registry,
        )
        self.facts_stored = Counter("ninai_facts_stored_total", "Facts stored as memories.", registry=registry)
        self.facts_dropped = Counter(
            "ninai_facts_dropped_total",
            "Facts of a language model that were not stored: they break a rule, or their source was deleted.",
            registry=registry,
        )

    def expect_extractions(self, outcomes: Sequence[str]) -> None:
        """Show every outcome from the start, with 0."""
        for outcome in outcomes:
            self.extractions.labels(outcome)
