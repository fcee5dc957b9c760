"""Priority of callers' requests over routes that cost nothing, which otherwise would take turns with them in a loop."""

import asyncio
from collections.abc import Awaitable, Callable

from app.http.body_limit import announced_length
from app.http.caller_paths import is_callers
from observability.http import AsgiApp, Message, Receive, Scope, Send

_UNAUTHENTICATED = 401

# While a caller's request is under way, another answer waits so long before it is sent. Four clients in a loop then get
# some 400 answers a second, a sixteenth of the event loop's time, and no probe or scrape is late by it.
DELAY_SECONDS = 0.01
# And longer in proportion to its size: copying the megabytes of a script takes processor time as well.
BYTES_PER_SECOND = 50_000_000
MOST_SECONDS = 0.25  # a probe has a second at least


class Prioritization:
    """Delay answers that are not a caller's while callers' requests are under way.

    Answers to unauthenticated requests are delayed as well, on every route. `sleep` takes seconds.
    """

    def __init__(self, app: AsgiApp, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._app, self._sleep = app, sleep
        self._under_way = 0

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one connection on."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        if is_callers(scope["path"]):
            return self._with_priority(scope, receive, send)
        return self._app(scope, receive, self._delayed(send))

    async def _with_priority(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted = True
        self._under_way += 1

        def sent(message: Message) -> Awaitable[None]:
            nonlocal counted
            if message.get("status") != _UNAUTHENTICATED:
                return send(message)
            self._under_way -= counted  # not one of the requests that others give way to
            counted = False
            return self._delayed(send)(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._under_way -= counted

    def _delayed(self, send: Send) -> Send:
        async def delayed(message: Message) -> None:
            if self._under_way and message["type"] == "http.response.start":
                await self._sleep(min(MOST_SECONDS, DELAY_SECONDS + announced_length(message) / BYTES_PER_SECOND))
            await send(message)

        return delayed
