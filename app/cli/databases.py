"""The embedded servers beside a running service, one for each provider in the order that needs one."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import structlog

from app.cli.database import is_embedded
from app.cli.loading import exit_on
from app.process.draining import signal_workers
from app.reloading.source import HEALTH_CHECK_SECONDS, Configuration, Source
from app.settings import ConfigError, Settings
from providers.native.embedded import EmbeddedServerError, Supervisor

_log = structlog.get_logger(__name__)


class Databases:
    """Run the servers, and those of providers that join the order later; workers could not start any.

    When the server of the only provider is lost, this service stops itself: its supervisor can start both again.
    `lost` is the folder of that server.
    """

    def __init__(self, source: Source, configuration: Configuration) -> None:
        self.lost: Path | None = None
        self._source = source
        self._settings = configuration.settings
        self._supervisor = Supervisor(self._settings.data_dir, self._is_alone, self._on_loss)
        self._wake, self._closing = threading.Event(), threading.Event()

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Run them for as long as the context lasts.

        Raises:
            click.ClickException: a server cannot be started, and the service cannot run without it.
        """
        embedded = _embedded_in(self._settings)
        others = len(embedded) < len(self._settings.order)
        with exit_on(EmbeddedServerError), self._supervisor.running(embedded, others=others):
            follower = threading.Thread(target=self._follow, name="order", daemon=True)
            follower.start()
            try:
                yield self
            finally:
                self._closing.set()
                follower.join()

    def handle_sighup(self) -> None:
        """Handle SIGHUP: have all processes check the configuration at once."""
        # In the thread, since a signal handler may interrupt anything.
        signal.signal(signal.SIGHUP, lambda *_: self._wake.set())

    def _follow(self) -> None:
        while not self._closing.is_set():
            try:
                self._check()
            except Exception:  # noqa: BLE001 - logged with its traceback below; no one else checks servers and heeds SIGHUP
                _log.exception("configuration_failed")

    def _check(self) -> None:
        asked = self._wake.wait(HEALTH_CHECK_SECONDS)
        self._wake.clear()
        if asked:
            signal_workers(signal.SIGHUP)
        if asked or self._source.changed():
            # The workers refuse a configuration that cannot be used, and log it.
            with suppress(ConfigError):
                self._settings = self._source.read().settings
                self._supervisor.want(_embedded_in(self._settings))

    def _is_alone(self, name: str) -> bool:
        return self._settings.order == [name]

    def _on_loss(self, name: str) -> None:
        self.lost = self._supervisor.folder(name)
        os.kill(os.getpid(), signal.SIGINT)  # there is nothing left to serve for a while


def _embedded_in(settings: Settings) -> list[str]:
    return [name for name in settings.order if is_embedded(settings, name)]
