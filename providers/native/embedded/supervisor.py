"""The supervisor of a service's embedded servers: one for each provider that needs one, now or later."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

import structlog

from providers.native.embedded.errors import ServerFailed, StoppedForMaintenance
from providers.native.embedded.folder import folder_of
from providers.native.embedded.maintenance import is_marked
from providers.native.embedded.server import EmbeddedServer
from providers.native.embedded.server_runner import ServerRunner

# For so long a start waits for a server while another provider can serve: a server that was ended well is there within
# a second on a quiet machine, and one that has to recover, or hangs, must not keep the service from its callers.
PATIENCE_SECONDS = 2.0
_POLL_SECONDS = 0.02

_log = structlog.get_logger(__name__)


class Supervisor:
    """Keep servers running, by the names of their providers.

    `alone` returns whether a provider is the only one in the order, without which the service cannot go on; `lost` is
    called when the server of such a provider ended by itself.
    """

    def __init__(self, data_dir: Path, alone: Callable[[str], bool], lost: Callable[[str], None]) -> None:
        self._data_dir = data_dir
        self._alone = alone
        self._lost = lost
        self._runners: dict[str, ServerRunner] = {}

    @contextlib.contextmanager
    def running(self, names: Iterable[str], *, others: bool = False) -> Iterator[Self]:
        """Run the servers of these providers, all at once, for as long as the context lasts.

        A server that does not start is tried again and again, unless its provider is the only one in the order. One
        that takes long is not waited for where another one runs, or where there are `others`, which are run elsewhere.

        Raises:
            EmbeddedServerError: its folder cannot be used; or the only one does not start, or an operator stopped it.
        """
        try:
            names = list(names)
            for name in names:
                if self._alone(name) and is_marked(self.folder(name)):
                    raise StoppedForMaintenance(name)
            made = {name for name in names if (self.folder(name) / "data").exists()}
            self.want(names)
            self._wait(made, others=others)
            for runner in list(self._runners.values()):
                self._check(runner)
            yield self
        finally:
            for runner in self._runners.values():
                runner.begin_to_close()
            for runner in self._runners.values():
                runner.close()

    def want(self, names: Iterable[str]) -> None:
        """Begin to run the servers of these providers too, without waiting.

        A server that is not needed any more keeps running, so that switching back finds it as it was.
        """
        for name in names:
            if name not in self._runners:
                server = EmbeddedServer(folder_of(self._data_dir, name))
                self._runners[name] = ServerRunner(name, server, self._again, lambda one: not self._alone(one))
                self._runners[name].start()

    def folder(self, name: str) -> Path:
        """Return the folder of a provider's server."""
        return folder_of(self._data_dir, name)

    def _wait(self, made: set[str], *, others: bool) -> None:
        """Wait for the first starts; a server that has never run before is waited for in any case."""
        served_at = time.monotonic() if others else None
        waiting = dict(self._runners)
        while waiting:
            for name, runner in list(waiting.items()):
                if runner.is_settled(_POLL_SECONDS):
                    del waiting[name]
                    if served_at is None and runner.error is None and not is_marked(self.folder(name)):
                        served_at = time.monotonic()
            late = served_at is not None and time.monotonic() - served_at > PATIENCE_SECONDS
            if late and made.issuperset(waiting):
                for name in waiting:
                    _log.warning("embedded_server_late", provider=name, seconds=PATIENCE_SECONDS)
                return

    def _check(self, runner: ServerRunner) -> None:
        error = runner.noted_error()
        if error is not None and (self._alone(runner.name) or not isinstance(error, ServerFailed)):
            raise error
        if error is not None:
            _log.error("embedded_server_failed", provider=runner.name, reason=str(error), failures=1)

    def _again(self, name: str) -> bool:
        if self._alone(name):
            self._lost(name)
            return False
        return True
