"""Every metric of the service, by subject; `Metrics` combines them all, once per process, for the parts that count."""

from prometheus_client import CollectorRegistry, disable_created_metrics

from observability.metrics.accountability import AccountabilityMetrics
from observability.metrics.admission import AdmissionMetrics
from observability.metrics.buckets import OPERATION_BUCKETS, OVERHEAD_BUCKETS
from observability.metrics.embedding import EmbeddingMetrics
from observability.metrics.extraction import ExtractionMetrics
from observability.metrics.journal import JournalMetrics
from observability.metrics.operations import OPERATIONS, OperationMetrics
from observability.metrics.pools import PoolMetrics
from observability.metrics.providers import ProviderMetrics
from observability.metrics.recall_index import RecallIndexMetrics
from observability.metrics.scrapes import expose
from observability.metrics.service import ServiceMetrics
from observability.metrics.webhooks import WebhookMetrics

__all__ = ["OPERATIONS", "OPERATION_BUCKETS", "OVERHEAD_BUCKETS", "Metrics", "expose"]

# One more series per child, for a moment that no chart shows.
disable_created_metrics()  # type: ignore[no-untyped-call] # the client leaves it so


class Metrics(
    OperationMetrics,
    ProviderMetrics,
    JournalMetrics,
    PoolMetrics,
    EmbeddingMetrics,
    RecallIndexMetrics,
    ExtractionMetrics,
    AdmissionMetrics,
    AccountabilityMetrics,
    ServiceMetrics,
    WebhookMetrics,
):
    """Hold every instrument; no user, memory id, path or error text is ever a label.

    One instance per registry: making a second on the same registry raises `ValueError`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        OperationMetrics.__init__(self, registry)
        ProviderMetrics.__init__(self, registry)
        JournalMetrics.__init__(self, registry)
        PoolMetrics.__init__(self, registry)
        EmbeddingMetrics.__init__(self, registry)
        RecallIndexMetrics.__init__(self, registry)
        ExtractionMetrics.__init__(self, registry)
        AdmissionMetrics.__init__(self, registry)
        AccountabilityMetrics.__init__(self, registry)
        ServiceMetrics.__init__(self, registry)
        WebhookMetrics.__init__(self, registry)
