"""A further place to listen at, in the same process as the port of the service: a port for operators, a Unix socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from app.http.connections.limits import http1
from app.settings.model import ServerSettings
from observability.http import AsgiApp

_STOP_SECONDS = 5.0


class CannotListen(Exception):
    """Signal that nothing can listen at a place."""


@asynccontextmanager
async def listening(
    app: AsgiApp,
    shown: str,
    limits: ServerSettings,
    connections: int,
    **place: Any,  # noqa: ANN401 - options of the server: address and port, or uds
) -> AsyncIterator[None]:
    """Serve an application at a place, for as long as the context lasts; `shown` is what the place is called.

    Raises:
        CannotListen: somebody else listens there, or nobody may.
    """
    # At a lower level it would log at every start that it is new.
    server = Server(
        app,
        interface=Interfaces.ASGINL,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=http1(limits),
        backpressure=connections,
        log_level=LogLevels.error,
        **place,
    )
    bound = asyncio.Event()
    server.on_startup(bound.set)
    serving = asyncio.create_task(server.serve(), name=shown)
    opening = asyncio.create_task(bound.wait())
    await asyncio.wait((serving, opening), return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()
    if serving.done():
        reason = str(serving.exception()).partition("\n")[0]
        raise CannotListen(f"cannot listen on {shown}: {reason}") from None
    try:
        yield
    finally:
        server.stop()  # type: ignore[no-untyped-call] # granian types its own signals as anything
        async with asyncio.timeout(_STOP_SECONDS):
            await serving
