"""Requests whose bodies are put together while they arrive."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import cached_property
from io import BytesIO
from typing import Any

from litestar import Request
from litestar.datastructures import Headers

from observability.http import Message
from providers.timing.turns import Turns


class GrowingRequest(Request[Any, Any, Any]):
    """A request whose body comes whole: joining the pieces of 16 MiB after the last one would take up to 20 ms.

    Its headers are put together once: the framework looks for them in the scope each time.
    """

    @cached_property
    def headers(self) -> Headers:
        """The headers."""
        return Headers.from_scope(self.scope)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the whole body, in which the framework's `body` finds nothing to join."""
        content: BytesIO | None = None
        whole, turns = b"", None
        async for piece in super().stream():
            if not whole:
                whole = piece
            elif piece:
                if content is None or turns is None:
                    content, turns = BytesIO(), Turns()
                    content.write(whole)
                content.write(piece)
                await turns.take()
        yield whole if content is None else content.getvalue()


async def body_of(request: Request[Any, Any, Any]) -> bytes:
    """Return the body of a request that nobody has read yet; one that comes at once takes no detour."""
    receive: Callable[[], Awaitable[Message]] = request.receive  # type: ignore[assignment] # ASGI's own open types
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        return body
    first: Message | None = message

    async def again() -> Message:
        nonlocal first
        received, first = first, None
        return await receive() if received is None else received

    return await type(request)(request.scope, again, request.send).body()  # type: ignore[arg-type] # as above
