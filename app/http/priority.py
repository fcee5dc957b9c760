"""Routes that cost nothing give way to callers: asked in a loop they would take turns with every memory request."""

import asyncio
from collections.abc import Awaitable, Callable

from observability.http import AsgiApp, Message, Receive, Scope, Send

_CALLERS = "/memory/"
_HEALTH = "/memory/health"
_UNAUTHENTICATED = 401

# While a caller's request is under way, so long an answer that is none waits before it is sent. Four clients in a loop
# then get some 400 answers a second, a sixteenth of the event loop's time, and nobody's probe or scrape is late by it.
COURTESY_SECONDS = 0.01
# And as much longer as it is large: copying the megabytes of a script takes processors as well.
BYTES_PER_SECOND = 50_000_000
MOST_SECONDS = 0.25  # a probe has a second at least


class Prioritization:
    """Hold back answers that are not a caller's while callers' requests are under way.

    What nobody has shown a key for is held back as well, wherever it was sent. `sleep` takes seconds.
    """

    def __init__(self, app: AsgiApp, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._app = app
        self._sleep = sleep
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith(_CALLERS) and path != _HEALTH:
            await self._first(scope, receive, send)
        else:
            await self._app(scope, receive, self._held_back(send))

    async def _first(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted = True
        self._under_way += 1
        held_back = self._held_back(send)

        async def sent(message: Message) -> None:
            nonlocal counted
            if message.get("status") != _UNAUTHENTICATED:
                await send(message)
                return
            self._under_way -= counted  # not one of those that others give way to
            counted = False
            await held_back(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._under_way -= counted

    def _held_back(self, send: Send) -> Send:
        async def held_back(message: Message) -> None:
            if self._under_way and message["type"] == "http.response.start":
                await self._sleep(min(MOST_SECONDS, COURTESY_SECONDS + _size(message) / BYTES_PER_SECOND))
            await send(message)

        return held_back


def _size(message: Message) -> int:
    return next((int(value) for name, value in message.get("headers", ()) if name == b"content-length"), 0)
