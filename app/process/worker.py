"""The application that the server loads in every worker process, made from the environment it inherits."""

import signal

import structlog
from litestar import Litestar
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from app.http.connections.limits import allow_files
from app.main import create_app
from app.process.draining import DRAIN_SIGNAL, STOP_SIGNAL
from app.process.parent_death import end_with_parent
from app.reloading.source import Source
from app.settings import load
from app.settings.handing_down import handed_folder
from observability.logs import configure_logs
from observability.workers.exchange import Exchange


def application() -> Litestar:
    """Read the settings and make the application, with the metrics of this process."""
    end_with_parent()
    # SIGHUP stays pending until the application handles it: the settings read here may be outdated by then.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, DRAIN_SIGNAL, STOP_SIGNAL})
    source = Source(lambda: load(None))
    configuration = source.read()
    settings = configuration.loaded.settings
    configure_logs(settings.log.format, settings.log.level)
    allow_files(settings.server)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    structlog.get_logger("ninai").info("worker_started", order=configuration.settings.order)
    folder = handed_folder()
    return create_app(settings, registry, source, None if folder is None else Exchange(registry, folder))
