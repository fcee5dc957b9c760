"""Metrics of the embedders, and of the memories that wait for a vector."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from observability.metrics.buckets import OPERATION_BUCKETS


class EmbeddingMetrics:
    """Count calls to embedders, and memories without a vector."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self.embeddings_refused = Counter(
            "ninai_embeddings_refused_total",
            "Memories whose text the embedder refused at any length; they are found by their words and wait no more.",
            ("provider",),
            registry=registry,
        )

    def set_waiting(self, provider: str, count: int) -> None:
        """Set how many memories of one provider wait for a vector."""
        self.embeddings_waiting.labels(provider).set(count)

    def add_waiting(self, provider: str, count: int) -> None:
        """Add `count` to the memories that wait for a vector."""
        self.embeddings_waiting.labels(provider).inc(count)
