"""The runner of one embedded server: starts it, restarts it when it ends by itself, and stops it for maintenance."""

import threading
import time
from collections.abc import Callable

import structlog

from observability.log_throttle import LogThrottle
from providers.native.embedded.errors import EmbeddedServerError
from providers.native.embedded.maintenance import is_marked, unmark
from providers.native.embedded.server import EmbeddedServer

_POLL_SECONDS = 0.2
_FIRST_WAIT = 1.0  # seconds before a server that ended by itself is restarted
_LONGEST_WAIT = 30.0
_STEADY_SECONDS = 60.0  # of running, after which the next loss is a first one again

_log = structlog.get_logger(__name__)


class ServerRunner:
    """Run one server in a thread of its own, from `start` to `close`.

    `lost` is called when the server ended by itself, and returns whether it shall be restarted. `may_stop` returns
    whether the service can go on without this server.
    """

    def __init__(
        self, name: str, server: EmbeddedServer, lost: Callable[[str], bool], may_stop: Callable[[str], bool]
    ) -> None:
        self.name = name
        self.server = server
        self._lost = lost
        self._may_stop = may_stop
        self._settled, self._closing = threading.Event(), threading.Event()
        self._starting = self._is_stopped = False
        self.error: EmbeddedServerError | None = None
        self._failures = LogThrottle()
        self._waits = 0
        # The kernel stops the server when this thread ends, so the thread lives as long as the service.
        self._thread = threading.Thread(
            target=self._repeat, args=(self._hold,), name=f"embedded PostgreSQL of {name}", daemon=True
        )

    def start(self) -> None:
        """Start without waiting."""
        self._thread.start()

    def is_settled(self, seconds: float) -> bool:
        """Wait some seconds; return whether the first start has succeeded or failed, or is put off by maintenance."""
        return self._settled.wait(seconds)

    def noted_error(self) -> EmbeddedServerError | None:
        """Return why the first start failed, None if it has not; one that is still under way is logged when it ends."""
        self._settled.set()
        return self.error

    def begin_to_close(self) -> None:
        """Begin to stop the server without waiting."""
        self._closing.set()

    def close(self) -> None:
        """Stop the server, and wait until it has ended."""
        self.begin_to_close()
        while self._thread.is_alive():
            if self._starting:
                self.server.interrupt()
            self._thread.join(_POLL_SECONDS)

    def _hold(self) -> None:
        with self.server.held():
            self._repeat(self._run_once)

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._closing.is_set():
            try:
                with self.server.errors_translated():
                    work()
            except EmbeddedServerError as error:
                self._starting = False
                self._report_failure(error)
                self._wait()

    def _run_once(self) -> None:
        if self._is_in_maintenance():
            self._settled.set()
            self._closing.wait(_POLL_SECONDS)
            return
        self._starting = True
        with self.server.started():
            self._starting = False
            self._report_start()
            began = time.monotonic()
            again = self._watch()
        if time.monotonic() - began > _STEADY_SECONDS:
            self._waits = 0
        if not again:
            self._closing.set()
        elif not self._is_in_maintenance():
            self._wait()

    def _report_start(self) -> None:
        self._failures.reset()
        if self._settled.is_set():
            _log.info("embedded_server_started", provider=self.name)
        self._settled.set()

    def _watch(self) -> bool:
        """Wait until the server has ended or shall end; return whether it is to be restarted."""
        while not self._closing.is_set():
            if self.server.has_ended(_POLL_SECONDS):
                _log.error("embedded_server_lost", provider=self.name, log=str(self.server.folder / "server.log"))
                return self._lost(self.name)
            if self._is_in_maintenance():
                return True
        return False

    def _is_in_maintenance(self) -> bool:
        if not is_marked(self.server.folder):
            self._is_stopped = False
            return False
        if self._may_stop(self.name):
            if not self._is_stopped:
                _log.warning("embedded_server_stopped_for_maintenance", provider=self.name)
            self._is_stopped, self._waits = True, 0
            return True
        unmark(self.server.folder)
        _log.warning("maintenance_refused", provider=self.name, reason="it is the only provider in the order")
        return False

    def _wait(self) -> None:
        seconds = min(_LONGEST_WAIT, _FIRST_WAIT * 2**self._waits)
        self._waits += 1
        self._closing.wait(seconds)

    def _report_failure(self, error: EmbeddedServerError) -> None:
        if not self._settled.is_set():
            self.error = error  # the caller of `noted_error` decides what it means
        elif not self._closing.is_set() and self._failures.count(str(error)):
            _log.error("embedded_server_failed", provider=self.name, reason=str(error), failures=self._failures.times)
        self._settled.set()
