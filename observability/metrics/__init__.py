"""Every metric of the service, by subject; `Metrics` combines them all."""

from observability.metrics.buckets import OPERATION_BUCKETS, OVERHEAD_BUCKETS
from observability.metrics.everything import Metrics
from observability.metrics.exposing import expose
from observability.metrics.operations import OPERATIONS

__all__ = ["OPERATIONS", "OPERATION_BUCKETS", "OVERHEAD_BUCKETS", "Metrics", "expose"]
