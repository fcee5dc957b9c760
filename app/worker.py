"""What the server loads in every worker process: the application, made from the environment it was handed."""

import structlog
from litestar import Litestar
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from app.main import create_app
from app.settings import load
from observability.logs import configure_logs


def application() -> Litestar:
    """Read the settings and make the application, with the metrics of this process."""
    settings = load(None).settings
    configure_logs(settings.log.format, settings.log.level)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    structlog.get_logger("ninai").info("worker_started", order=settings.order)
    return create_app(settings, registry)
