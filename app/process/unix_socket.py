"""A Unix socket beside the port, for callers on this machine: who may use it is decided by the file's permissions."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import structlog
from litestar import Litestar

from app.http.connections.limits import connections_per_worker
from app.process.further_listener import CannotListen, listening
from app.settings import Settings
from observability.http import AsgiApp, Receive, Scope, Send

PERMISSIONS = 0o660  # for the user and the group of the service
_PATIENCE = 1.0  # seconds for whoever may listen there already

_log = structlog.get_logger(__name__)


class WithoutAddress:
    """Take the address of each client away, which the server makes up: a socket has none."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on."""
        await self._app({**scope, "client": None}, receive, send)


def unix_socket(settings: Settings) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Listen on the socket, if one is configured, for as long as the application lives."""

    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncIterator[None]:
        path = settings.server.socket
        if path is None:
            yield
            return
        await asyncio.to_thread(make_room, path)
        local: AsgiApp = WithoutAddress(app)  # type: ignore[arg-type] # ASGI's own open types
        connections = connections_per_worker(settings.server)
        async with listening(local, f"the socket {path}", settings.server, connections, uds=path):
            await asyncio.to_thread(path.chmod, PERMISSIONS)
            _log.info("socket_open", path=str(path))
            yield

    return opened


def make_room(path: Path) -> None:
    """Remove a socket on which nobody listens any more; raise `CannotListen` if somebody does, or it is no socket."""
    try:
        if path.exists() and not path.is_socket():
            raise CannotListen(f"cannot listen on the socket {path}: there is another file")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_PATIENCE)
            if probe.connect_ex(str(path)) == 0:
                raise CannotListen(f"cannot listen on the socket {path}: another process does")
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CannotListen(f"cannot listen on the socket {path}: {error.strerror or error}") from error
