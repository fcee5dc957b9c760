"""Limits for slow clients: a body that does not arrive is refused, and an answer that is not read is abandoned."""

from collections.abc import Awaitable, Callable

from app.http.body_limit import announced_length, is_framed_otherwise
from app.http.connections.fair_timeouts import FairTimeouts
from app.http.problems import REQUEST_TIMEOUT, RequestError
from app.settings.model import ServerSettings
from observability.http import AsgiApp, Message, Receive, Scope, Send

# So many bytes add a second to the limit, once when they are announced and again when they were transferred: half of
# that rate is enough, that of a rural mobile connection, and a client that stalls is abandoned much earlier.
BYTES_PER_SECOND = 100_000
# A longer answer is sent in pieces of this size, each when there is room for it. The server would accept it as a whole,
# hold it until the client has read it, and run its timer for the next request meanwhile.
PIECE_BYTES = 64 * 1024

# Ends the connection of a client; takes the scope of its request.
CloseConnection = Callable[[Scope], Awaitable[None]]


def allowed_seconds(timeout: float, announced: int, moved: int) -> float:
    """Return the seconds from the beginning until the next bytes are due; `moved` counts if no length is announced."""
    return timeout + (max(announced, moved) + moved) / BYTES_PER_SECOND


class SlowClientLimits:
    """Refuse bodies that come too slowly; `close` ends the connection of a client that reads too slowly.

    A body is complete with the last of the bytes that were announced: the server knows that as well, but tells it with
    a message of its own, for which each request would wait a turn of the event loop.
    """

    def __init__(self, app: AsgiApp, settings: ServerSettings, close: CloseConnection) -> None:
        self._app, self._settings, self._close = app, settings, close
        self._timeouts = FairTimeouts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection on; its `receive` raises `RequestError` if the body comes too slowly."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = b""

        async def send_first(message: Message) -> None:
            nonlocal left
            body = message.get("body", b"")
            if len(body) > PIECE_BYTES and not message.get("more_body", False):
                # Sent when the application has ended, so that a client's slowness does not count as the service's.
                left = body
            else:
                await send(message)

        await self._app(scope, self._paced(scope, receive), send_first)
        if left and not await self._sent(left, send):
            await self._close(scope)

    def _paced(self, scope: Scope, receive: Receive) -> Receive:
        announced = announced_length(scope)
        framed = announced > 0 and not is_framed_otherwise(scope)
        seen = 0
        complete = end_to_come = False
        began: float | None = None

        async def receive_paced() -> Message:
            nonlocal seen, complete, end_to_come, began
            if complete:  # this waits for the disconnect, for as long as that takes
                message = await receive()
                if end_to_come and message["type"] == "http.request":
                    message = await receive()
                end_to_come = False
                return message
            if began is None:
                began = self._timeouts.clock
            try:
                due = began + allowed_seconds(self._settings.body_timeout, announced, seen)
                message = await self._timeouts.until(due, receive())
            except TimeoutError:
                # What the client sends from now on would be read as its next request.
                headers = {"Connection": "close"}
                detail = f"Of the body {seen} bytes came in time, and then no more"
                raise RequestError(REQUEST_TIMEOUT, detail, field="body", headers=headers) from None
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if framed and seen >= announced and not complete:
                complete = end_to_come = True
                message["more_body"] = False
            return message

        return receive_paced

    async def _sent(self, body: bytes, send: Send) -> bool:
        """Send an answer piece by piece; return whether the client has read it."""
        began = self._timeouts.clock
        for start in range(0, len(body), PIECE_BYTES):
            end = start + PIECE_BYTES
            piece = {"type": "http.response.body", "body": body[start:end], "more_body": end < len(body)}
            try:
                # The whole length adds nothing: a long answer is not the client's achievement.
                due = began + allowed_seconds(self._settings.answer_timeout, 0, start)
                await self._timeouts.until(due, send(piece))
            except TimeoutError:
                return False
        return True
