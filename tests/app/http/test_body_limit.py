"""A disconnect is an error while a body is read, and news once the answer has begun."""

import pytest

from app.http.body_limit import BodyLimit
from app.http.problems import RequestError
from observability.http import Message, Receive, Scope, Send

SCOPE = {"type": "http", "path": "/admin/changes", "headers": []}


async def gone() -> Message:
    """Receive what a client sends that has left without a body."""
    return {"type": "http.disconnect"}


async def unread(_message: Message) -> None:
    """Send what nobody reads."""


async def test_a_stream_is_told_that_its_client_has_left() -> None:
    """As an event, not as a body that is missing: that would be a traceback for each of them."""
    told: list[str] = []

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        told.append((await receive())["type"])

    await BodyLimit(stream)(SCOPE, gone, unread)

    assert told == ["http.disconnect"]


async def test_a_body_that_never_comes_is_refused() -> None:
    """As long as nothing was answered."""

    async def read(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()

    with pytest.raises(RequestError, match="disconnected before the body was complete"):
        await BodyLimit(read)(SCOPE, gone, unread)
