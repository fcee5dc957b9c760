"""A port for the admin API alone, in the same process as the other: circuit breakers belong to a process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from litestar import Litestar

from app.auth.admission import ADMIN_PORT
from app.http.connections.limits import ADMIN_CONNECTIONS
from app.process.further_listener import listening
from app.settings import Settings
from observability.http import AsgiApp, Receive, Scope, Send

_log = structlog.get_logger(__name__)


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
    async def opened(app: Litestar) -> AsyncIterator[None]:
        if settings.admin.port is None:
            yield
            return
        host, port = settings.admin.host, settings.admin.port
        admin: AsgiApp = OnAdminPort(app)  # type: ignore[arg-type] # ASGI's own open types
        place = f"port {port} of {host}"
        async with listening(admin, place, settings.server, ADMIN_CONNECTIONS, address=host, port=port):
            _log.info("admin_port_open", host=host, port=port)
            yield

    return opened
