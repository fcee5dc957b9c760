"""A port for the admin API alone, in the same process as the other: circuit breakers belong to a process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar

from app.auth.admission import ADMIN_PORT
from app.http.connections.limits import ADMIN_CONNECTIONS, http1
from app.settings import Settings
from app.settings.model import ServerSettings
from observability.http import AsgiApp, Receive, Scope, Send

_STOP_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """Signal that the admin port cannot be opened."""


class OnAdminPort:
    """Mark the requests on the admin port, which alone admits them, see `app/auth/admission.py`."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark one connection and pass it on."""
        await self._app({**scope, ADMIN_PORT: True}, receive, send)


def admin_port(settings: Settings) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Listen on the admin port, if there is one, for as long as the application lives."""

    @asynccontextmanager
    async def listening(app: Litestar) -> AsyncIterator[None]:
        if settings.admin.port is None:
            yield
            return
        async with _served(OnAdminPort(app), settings.admin.host, settings.admin.port, settings.server):  # type: ignore[arg-type] # ASGI's own open types
            yield

    return listening


@asynccontextmanager
async def _served(app: AsgiApp, host: str, port: int, limits: ServerSettings) -> AsyncIterator[None]:
    # At a lower level it would log at every start that it is new.
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=http1(limits),
        backpressure=ADMIN_CONNECTIONS,
        log_level=LogLevels.error,
    )
    bound = asyncio.Event()
    server.on_startup(bound.set)
    serving = asyncio.create_task(server.serve(), name="admin port")
    opening = asyncio.create_task(bound.wait())
    await asyncio.wait((serving, opening), return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()
    if serving.done():
        reason = str(serving.exception()).partition("\n")[0]
        raise CannotListen(f"cannot listen on port {port} of {host}: {reason}") from None
    _log.info("admin_port_open", host=host, port=port)
    try:
        yield
    finally:
        server.stop()  # type: ignore[no-untyped-call] # granian types its own signals as anything
        async with asyncio.timeout(_STOP_SECONDS):
            await serving
