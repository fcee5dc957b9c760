"""How slow a client may be: a body that does not come is refused, and an answer that is not read is given up."""

from collections.abc import Awaitable, Callable

from app.http.body_limit import announced_length
from app.http.connections.fair_timeouts import Waiting
from app.http.problems import REQUEST_TIMEOUT, RequestError
from app.settings.model import ServerSettings
from observability.http import AsgiApp, Message, Receive, Scope, Send

# What buys a second, once when it is announced and again when it has gone over the wire: all in all half of that rate
# is enough, a telephone's in the country, and who stalls is given up much earlier.
BYTES_PER_SECOND = 100_000
# A longer answer is handed over in pieces of this size, each when there is room for it. The server would take it as a
# whole, hold it for as long as the client lets it, and have its timer for the next request run meanwhile.
PIECE_BYTES = 64 * 1024

# Ends the connection of a client, whom the scope of a request names.
Cut = Callable[[Scope], Awaitable[None]]


def allowed_seconds(timeout: float, announced: int, moved: int) -> float:
    """Give how many seconds after the beginning the next bytes are waited for.

    Of a length that is not announced as much is known as has come.
    """
    return timeout + (max(announced, moved) + moved) / BYTES_PER_SECOND


class Paced:
    """Wait for a client as long as its pace allows; `cut` ends the connection of one that reads too slowly."""

    def __init__(self, app: AsgiApp, settings: ServerSettings, cut: Cut) -> None:
        self._app = app
        self._settings = settings
        self._cut = cut
        self._waiting = Waiting()

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
                # Sent when the application has ended, so that a client's slowness is not taken for the service's.
                left = body
            else:
                await send(message)

        await self._app(scope, self._paced(scope, receive), send_first)
        if left and not await self._sent(left, send):
            await self._cut(scope)

    def _paced(self, scope: Scope, receive: Receive) -> Receive:
        announced = announced_length(scope)
        seen = 0
        complete = False
        began: float | None = None

        async def receive_paced() -> Message:
            nonlocal seen, complete, began
            if complete:  # now it is asked whether the client has left, for as long as that takes
                return await receive()
            if began is None:
                began = self._waiting.clock
            try:
                due = began + allowed_seconds(self._settings.body_timeout, announced, seen)
                message = await self._waiting.until(due, receive())
            except TimeoutError:
                # What it sends from now on would be read as its next request.
                headers = {"Connection": "close"}
                detail = f"Of the body {seen} bytes came in time, and then no more"
                raise RequestError(REQUEST_TIMEOUT, detail, field="body", headers=headers) from None
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            return message

        return receive_paced

    async def _sent(self, body: bytes, send: Send) -> bool:
        """Send an answer piece by piece, and tell whether the client has read it."""
        began = self._waiting.clock
        for start in range(0, len(body), PIECE_BYTES):
            end = start + PIECE_BYTES
            piece = {"type": "http.response.body", "body": body[start:end], "more_body": end < len(body)}
            try:
                # Its whole length buys nothing: a long answer is not the client's achievement.
                due = began + allowed_seconds(self._settings.answer_timeout, 0, start)
                await self._waiting.until(due, send(piece))
            except TimeoutError:
                return False
        return True
