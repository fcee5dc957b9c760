"""What a command gives to providers and journals that it opens beside the service."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.states.clock import HybridClock
from providers.types import Host


def offline_host(name: str, data_dir: Path) -> Host:
    """Give what the service would give, with metrics that nobody reads, and nothing to do but what is asked."""
    metrics = Metrics(CollectorRegistry())
    return Host(name=name, data_dir=data_dir, metrics=metrics, clock=HybridClock(), serves=False)
