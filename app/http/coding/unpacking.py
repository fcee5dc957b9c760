"""Bodies that arrive in gzip, unpacked piece by piece as they are read, so that none grows beyond its limit."""

import zlib
from collections.abc import Awaitable

from app.http.body_limit import limit_of, refuse_longer
from app.http.problems import BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, RequestError
from observability.http import AsgiApp, Message, Receive, Scope, Send
from providers.timing.turns import Turns

PIECE_BYTES = 64 * 1024  # unpacked in some 0.2 ms; between two pieces the reader of the body lets the loop turn
_FED_BYTES = 16 * 1024  # what is left of it after each piece is copied
_FORMAT = 16 + zlib.MAX_WBITS  # gzip's own frame
_CODING = b"content-encoding"
_GZIP = frozenset({b"gzip", b"x-gzip"})
_PLAIN = frozenset({b"", b"identity"})
_ACCEPTED = {"Accept-Encoding": "gzip"}


class UnpackBodies:
    """Hand the application bodies as they were before they were packed; every limit on a body counts these bytes."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one connection on; its `receive` raises `RequestError` if the body cannot be unpacked."""
        if scope["type"] == "http" and (codings := _codings_of(scope)):
            receive = _Unpacking(receive, limit_of(scope)).receive if _is_gzip(codings) else _refusing(codings)
        return self._app(scope, receive, send)


class _Unpacking:
    """Unpack one body; of what is packed no more than `most` bytes are taken either."""

    __slots__ = ("_complete", "_held", "_last", "_most", "_receive", "_seen", "_stream", "_turns")

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._stream = zlib.decompressobj(_FORMAT)
        self._held = memoryview(b"")
        self._seen = 0
        self._turns = Turns()
        self._last = self._complete = False

    async def receive(self) -> Message:
        """Return the next piece, or whatever comes behind the body."""
        while not self._complete:
            if piece := await self._next():
                return {"type": "http.request", "body": piece, "more_body": True}
            if self._last:
                self._complete = True
                if not self._stream.eof:
                    raise _no_gzip("it ends too early")
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._take(message)
        return await self._receive()

    def _take(self, message: Message) -> None:
        body = message.get("body", b"")
        self._seen += len(body)
        refuse_longer(self._seen, self._most)
        self._held = memoryview(body)
        self._last = not message.get("more_body", False)

    async def _next(self) -> bytes:
        """Return the next piece, empty if more has to be received for it."""
        while True:
            fed: bytes | memoryview = self._stream.unconsumed_tail
            if not fed:
                fed, self._held = self._held[:_FED_BYTES], self._held[_FED_BYTES:]
            if self._stream.eof and fed:
                raise _no_gzip("something stands behind its end")
            try:
                piece = self._stream.decompress(fed, PIECE_BYTES)
            except zlib.error:
                raise _no_gzip("it cannot be unpacked") from None
            if self._stream.unused_data:
                raise _no_gzip("something stands behind its end")
            if piece or not (self._held or self._stream.unconsumed_tail):
                return piece
            await self._turns.take()


def _codings_of(scope: Scope) -> list[bytes]:
    listed = [value for name, value in scope["headers"] if name == _CODING]
    codings = [coding.strip().lower() for value in listed for coding in value.split(b",")]
    return [coding for coding in codings if coding not in _PLAIN]


def _is_gzip(codings: list[bytes]) -> bool:
    return len(codings) == 1 and codings[0] in _GZIP


def _refusing(codings: list[bytes]) -> Receive:
    async def receive() -> Message:
        named = b", ".join(codings)[:100].decode("latin-1")
        detail = f"Content-Encoding must be gzip or left out, got {named!r}"
        raise RequestError(UNSUPPORTED_MEDIA_TYPE, detail, field="Content-Encoding", headers=_ACCEPTED)

    return receive


def _no_gzip(why: str) -> RequestError:
    return RequestError(BAD_REQUEST, f"The body must be one stream of gzip, as Content-Encoding says: {why}", "body")
