"""What providers work with: connections to databases, and embedders."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, Histogram

from observability.metrics.buckets import OPERATION_BUCKETS


class StoreMetrics:
    """Pools of connections, calls to embedders, and what waits for its vector."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.database_connections = Gauge(
            "ninai_database_connections",
            "Connections of this process to a provider's database, in use or idle; the most is the pool size.",
            ("provider", "state"),
            registry=registry,
        )
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
