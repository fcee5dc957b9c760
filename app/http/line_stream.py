"""Answers of lines that are made while they are sent, and hold nothing while their client reads."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from app.http.admission.admitted import admission_of
from app.http.connections.slow_clients import PIECE_BYTES
from app.http.head import HEAD_ONLY


class LineStream(ASGIResponse):
    """Send the pieces of an answer, of which the first was made already; what is not read is not made.

    A client that disconnects ends the work: the task is cancelled (see `connections/disconnects.py`).
    """

    _should_set_content_length = False

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes, None],
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(media_type=media_type, headers=dict(headers or {}))
        self._first, self._rest = first, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature of ASGI
        """Send the answer; while the client reads, the request has no place among those that are admitted."""
        admission = admission_of(scope)
        async with aclosing(self._rest):
            await self.start_response(send)
            if HEAD_ONLY not in scope:
                with admission.parked():
                    await _send(send, self._first)
                async for piece in self._rest:
                    with admission.parked():
                        await _send(send, piece)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, piece: bytes) -> None:
    """Send one piece in parts that the server takes only when there is room for them."""
    for begin in range(0, len(piece), PIECE_BYTES):
        await send({"type": "http.response.body", "body": piece[begin : begin + PIECE_BYTES], "more_body": True})
