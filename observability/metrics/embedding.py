"""Metrics of the embedders, and of the memories that wait for a vector."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics.buckets import OPERATION_BUCKETS


class EmbeddingMetrics:
    """Count calls to embedders, and memories without a vector."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.embedder_duration = histogram(
            "ninai_embedder_duration_seconds",
            "Time one call to the embedder took, by outcome.",
            ("embedder", "outcome"),
            buckets=OPERATION_BUCKETS,
        )
        self.embeddings_waiting = gauge(
            "ninai_embeddings_waiting",
            "Memories stored without a vector of the current model, waiting to be embedded.",
            ("provider",),
        )
        self.embeddings_refused = counter(
            "ninai_embeddings_refused_total",
            "Memories whose text the embedder refused at any length; they are found by their words and wait no more.",
            ("provider",),
        )

        self.embedder_change = gauge(
            "ninai_embedder_change_ratio",
            "Share of the memories with a vector of the current model while the embedder is exchanged, 1 otherwise.",
            ("provider",),
        )

    def set_embedder_change(self, provider: str, ratio: float) -> None:
        """Set how far one provider is with vectors of another model, in [0, 1]."""
        self.embedder_change.labels(provider).set(ratio)

    def set_waiting(self, provider: str, count: int) -> None:
        """Set how many memories of one provider wait for a vector."""
        self.embeddings_waiting.labels(provider).set(count)

    def add_waiting(self, provider: str, count: int) -> None:
        """Add `count` to the memories that wait for a vector."""
        self.embeddings_waiting.labels(provider).inc(count)
