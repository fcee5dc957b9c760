"""The host for providers and journals that a command opens beside the service."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.host import Host
from providers.retention import Retention
from providers.states.clock import HybridClock

_DEFAULT = Retention()


def offline_host(name: str, data_dir: Path, retention: Retention = _DEFAULT) -> Host:
    """Return a host like the service's, with metrics that are not exported and without background work."""
    metrics = Metrics(CollectorRegistry())
    return Host(name=name, data_dir=data_dir, metrics=metrics, clock=HybridClock(), serves=False, retention=retention)
