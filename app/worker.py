"""What the server loads in every worker process: the application, made from the environment it was handed."""

import ctypes
import multiprocessing
import os
import signal

import structlog
from litestar import Litestar
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from app.main import create_app
from app.settings import load
from observability.logs import configure_logs

_PR_SET_PDEATHSIG = 1


def application() -> Litestar:
    """Read the settings and make the application, with the metrics of this process."""
    _end_with_parent()
    settings = load(None).settings
    configure_logs(settings.log.format, settings.log.level)
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    structlog.get_logger("ninai").info("worker_started", order=settings.order)
    return create_app(settings, registry)


def _end_with_parent() -> None:
    """Have the kernel end this worker when the process that started it ends without a word, as after SIGKILL.

    It would keep the port otherwise, and answer without the database that went down with the service. Linux only.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent.pid:
        # It ended before the signal was asked for, so nobody will send it.
        os._exit(1)
