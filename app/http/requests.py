"""Requests whose bodies are put together while they arrive."""

from collections.abc import AsyncGenerator
from io import BytesIO
from typing import Any

from litestar import Request

from providers.timing.turns import Turns


class GrowingRequest(Request[Any, Any, Any]):
    """A request whose body comes whole: joining the pieces of 16 MiB after the last one would take up to 20 ms."""

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
