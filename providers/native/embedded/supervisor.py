"""The supervisor of a service's embedded servers: one for each provider that needs one, also for a later one."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

import structlog

from providers.native.embedded.errors import ServerFailed, StoppedForMaintenance
from providers.native.embedded.folder import folder_of
from providers.native.embedded.keeper import Keeper
from providers.native.embedded.maintenance import is_marked
from providers.native.embedded.server import EmbeddedServer

_log = structlog.get_logger(__name__)


class Supervisor:
    """Keep servers running, by the names of their providers.

    `alone` says whether a provider is the only one in the order, without which the service cannot go on; `lost` is
    told when the server of such a one ended by itself.
    """

    def __init__(self, data_dir: Path, alone: Callable[[str], bool], lost: Callable[[str], None]) -> None:
        self._data_dir = data_dir
        self._alone = alone
        self._lost = lost
        self._keepers: dict[str, Keeper] = {}

    @contextlib.contextmanager
    def running(self, names: Iterable[str]) -> Iterator[Self]:
        """Run the servers of these providers, all at once, for as long as the context lasts.

        A server that does not come up is tried again and again, if its provider is not the only one in the order.

        Raises:
            EmbeddedServerError: its folder cannot be used; or the only one does not come up, or was taken down by hand.
        """
        try:
            names = list(names)
            for name in names:
                if self._alone(name) and is_marked(self.folder(name)):
                    raise StoppedForMaintenance(name)
            self.want(names)
            for keeper in list(self._keepers.values()):
                self._check(keeper)
            yield self
        finally:
            for keeper in self._keepers.values():
                keeper.begin_to_close()
            for keeper in self._keepers.values():
                keeper.close()

    def want(self, names: Iterable[str]) -> None:
        """Begin to run the servers of these providers too, and wait for nothing.

        None is stopped that is not wanted any more: switching back finds it as it was.
        """
        for name in names:
            if name not in self._keepers:
                server = EmbeddedServer(folder_of(self._data_dir, name))
                self._keepers[name] = Keeper(name, server, self._again, self._may_stop)
                self._keepers[name].start()

    def folder(self, name: str) -> Path:
        """The folder of a provider's server."""
        return folder_of(self._data_dir, name)

    def _check(self, keeper: Keeper) -> None:
        error = keeper.first_error()
        if error is not None and (self._alone(keeper.name) or not isinstance(error, ServerFailed)):
            raise error
        if error is not None:
            _log.error("embedded_server_failed", provider=keeper.name, reason=str(error), failures=1)

    def _again(self, name: str) -> bool:
        if self._alone(name):
            self._lost(name)
            return False
        return True

    def _may_stop(self, name: str) -> bool:
        return not self._alone(name)
