"""The limit on a request's body, enforced while it is read, whatever length the client announced."""

from collections.abc import Awaitable, Mapping
from typing import Any

from app.http.problems import BAD_REQUEST, TOO_LARGE, RequestError
from observability.http import AsgiApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1024 * 1024
MAX_BATCH_BODY_BYTES = 16 * 1024 * 1024
BATCH_PATHS = frozenset({"/memory/remember/batch", "/memory/recall/batch", "/memory/update/batch", "/memory/import"})


class BodyLimit:
    """Let the application read at most so many bytes of a body: the framework's own limit is one for all routes."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one connection on; its `receive` raises `RequestError` beyond the limit, or at a disconnect.

        Once the answer has begun nobody misses the body, and whoever sends a stream is told of the disconnect.
        """
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        limit = limit_of(scope)
        too_large = announced_length(scope) > limit
        seen = 0
        complete = answered = False

        async def receive_limited() -> Message:
            nonlocal seen, complete
            if too_large:
                raise _too_large(limit)
            message = await receive()
            if message["type"] == "http.disconnect" and not (complete or answered):
                raise RequestError(BAD_REQUEST, "The client disconnected before the body was complete", field="body")
            complete = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            refuse_longer(seen, limit)
            return message

        def send_noted(message: Message) -> Awaitable[None]:
            nonlocal answered
            answered = True
            return send(message)

        return self._app(scope, receive_limited, send_noted)


def limit_of(scope: Mapping[str, Any]) -> int:
    """Return how many bytes the body of a request may have."""
    return MAX_BATCH_BODY_BYTES if scope["path"].rstrip("/") in BATCH_PATHS else MAX_BODY_BYTES


def refuse_longer(seen: int, limit: int) -> None:
    """Refuse a body of which more bytes were seen than it may have; raise `RequestError`."""
    if seen > limit:
        raise _too_large(limit)


def announced_length(head: Mapping[str, Any]) -> int:
    """Return the length that a request's or response's head announces, 0 if none that can be understood."""
    for name, said in head.get("headers", ()):
        if name == b"content-length":
            # Python refuses to parse thousands of digits; the first twenty are enough.
            return int(said.lstrip(b"0")[:20] or b"0") if said.isdigit() else 0
    return 0


def is_framed_otherwise(head: Mapping[str, Any]) -> bool:
    """Return whether a body ends by another sign than the length that is announced."""
    return any(name == b"transfer-encoding" for name, _ in head.get("headers", ()))


def _too_large(limit: int) -> RequestError:
    return RequestError(TOO_LARGE, f"The body must be at most {limit} bytes", field="body")
