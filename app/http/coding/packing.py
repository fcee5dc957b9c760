"""Answers in JSON, packed with gzip or zstd for clients that ask for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from app.http.coding.negotiation import Coding, preferred_coding
from app.http.coding.packers import Packer, packer_for
from observability.http import AsgiApp, Message, Receive, Scope, Send

Headers = Iterable[tuple[bytes, bytes]]

# A smaller answer fits into one packet anyway.
MIN_PACKED_BYTES = 1_400
# What is longer is packed beside the event loop; so much takes some 1 ms.
AT_ONCE_BYTES = 32 * 1024

# Nothing else is large. The pages of the console stay as they are: they hold a secret beside words of the request, and
# the length of both, packed together, gives the secret away (BREACH).
_PACKED = frozenset({b"application/json", b"application/problem+json", b"application/x-ndjson"})
# An answer with a tag is left: a tag names its very bytes, so that each coding would need another one.
_SETTLED = frozenset({b"content-encoding", b"etag"})
_ACCEPTED, _TYPE, _LENGTH = b"accept-encoding", b"content-type", b"content-length"
_VARY = (b"vary", b"Accept-Encoding")


class PackAnswers:
    """Pack the answers of the application."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass one connection on."""
        packing = _PackedAnswer(scope["headers"], send).send if scope["type"] == "http" else send
        return self._app(scope, receive, packing)


class _PackedAnswer:
    """Send one answer, packed as the headers of its request ask for if its own head and its length allow it."""

    __slots__ = ("_asked", "_head", "_packer", "_send")

    def __init__(self, asked: Headers, send: Send) -> None:
        self._asked, self._send = asked, send
        self._head: Message | None = None  # until the beginning of the body shows whether it will be packed
        self._packer: Packer | None = None

    async def send(self, message: Message) -> None:
        """Send one message of the application, or hold it back until the next one."""
        if message["type"] == "http.response.start" and _may_be_packed(message):
            self._head = message
            return
        if message["type"] == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if self._head is not None and not body and more:
                return  # nothing that could be told from
            alone = self._head is not None and not more
            if self._head is not None:
                await self._begin(self._head, body, more=more)
            if self._packer is not None:
                work = self._packer.part if more else self._packer.whole if alone else self._packer.last
                message = {**message, "body": await _packed(work, body)}
        await self._send(message)

    async def _begin(self, head: Message, body: bytes, *, more: bool) -> None:
        self._head = None
        if more or len(body) >= MIN_PACKED_BYTES:
            headers = [*head["headers"], _VARY]
            if (coding := _coding_asked(self._asked)) is not None:
                self._packer = packer_for(coding)
                headers = [header for header in headers if header[0] != _LENGTH]
                headers.append((b"content-encoding", coding.encode()))
            head = {**head, "headers": headers}
        await self._send(head)


def _coding_asked(headers: Headers) -> Coding | None:
    accepted = b",".join(value for name, value in headers if name == _ACCEPTED)
    return preferred_coding(accepted.decode("latin-1")) if accepted else None


async def _packed(work: Callable[[bytes], bytes], body: bytes) -> bytes:
    return work(body) if len(body) <= AT_ONCE_BYTES else await asyncio.to_thread(work, body)


def _may_be_packed(head: Message) -> bool:
    media_type = b""
    for name, value in head.get("headers", ()):
        if name in _SETTLED:
            return False
        if name == _TYPE:
            media_type = value
    return media_type in _PACKED or media_type.partition(b";")[0].strip().lower() in _PACKED
