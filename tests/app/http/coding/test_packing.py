"""Answers are packed for whom asks for it, and say so."""

import asyncio
import gzip
import json
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from backports import zstd

from app.http.coding.negotiation import Coding
from app.http.coding.packers import packer_for
from app.http.coding.packing import AT_ONCE_BYTES, MIN_PACKED_BYTES, PackAnswers
from observability.http import Message, Receive, Scope, Send
from tests.support.api import Api

JSON_TYPE = (b"content-type", b"application/json")
CODINGS: list[Coding] = ["gzip", "zstd"]


def unpacked(coding: str | None, body: bytes) -> bytes:
    """A body as it was."""
    return gzip.decompress(body) if coding == "gzip" else zstd.decompress(body) if coding == "zstd" else body


class Answer:
    """What one client got: its headers, and the pieces of the body in the order they came."""

    def __init__(self, sent: Sequence[Message]) -> None:
        head, *body = sent
        self.status: int = head["status"]
        self.headers = dict(head["headers"])
        self.pieces: list[bytes] = [message["body"] for message in body]
        assert [message.get("more_body", False) for message in body] == [True] * (len(body) - 1) + [False]

    @property
    def plain(self) -> bytes:
        """The body as the application sent it."""
        return unpacked(self.headers.get(b"content-encoding", b"").decode() or None, b"".join(self.pieces))


async def answer_to(accepted: str | None, *pieces: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """Return what a client that accepts this gets of these pieces."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - it asks nothing
        length = [(b"content-length", str(len(pieces[0])).encode())] if len(pieces) == 1 else []
        await send({"type": "http.response.start", "status": 200, "headers": [*(headers or [JSON_TYPE]), *length]})
        for place, piece in enumerate(pieces, 1):
            await send({"type": "http.response.body", "body": piece, "more_body": place < len(pieces)})

    async def receive() -> Message:
        raise AssertionError("nobody asked for a body")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asked = [] if accepted is None else [(b"accept-encoding", accepted.encode())]
    await PackAnswers(application)({"type": "http", "headers": asked}, receive, send)
    return Answer(sent)


@pytest.mark.parametrize("accepted", [None, "br", "gzip", "zstd", "gzip, zstd"])
@pytest.mark.parametrize("size", [0, MIN_PACKED_BYTES - 1, MIN_PACKED_BYTES, AT_ONCE_BYTES, AT_ONCE_BYTES + 1, 10**6])
async def test_an_answer_is_the_same_packed_and_unpacked(accepted: str | None, size: int) -> None:
    """Its head tells the length that is sent, and what a cache has to know; what is small stays as it is."""
    body = (b'{"tea":"masala"}' * (size // 16 + 1))[:size]

    answer = await answer_to(accepted, body)

    asked = {"gzip": b"gzip", "zstd": b"zstd", "gzip, zstd": b"zstd"}.get(accepted or "")
    assert answer.plain == body
    assert answer.headers[b"content-length" if asked is None or size < MIN_PACKED_BYTES else b"vary"] is not None
    assert answer.headers.get(b"content-encoding") == (asked if size >= MIN_PACKED_BYTES else None)
    assert (b"vary" in answer.headers) == (size >= MIN_PACKED_BYTES)
    assert answer.headers.get(b"content-length", str(len(b"".join(answer.pieces))).encode()).isdigit()


@pytest.mark.parametrize("coding", CODINGS)
async def test_of_a_stream_every_part_can_be_read_as_soon_as_it_was_sent(coding: Coding) -> None:
    """A client that follows an export does not wait for its end."""
    lines = [b'{"line":%d}\n' % number * 50 for number in range(5)]

    answer = await answer_to(coding, *lines, headers=[(b"content-type", b"application/x-ndjson")])

    reader = packer_reader(coding)
    assert [reader.read(piece) for piece in answer.pieces] == lines
    assert b"content-length" not in answer.headers


class Reader:
    """Unpack a stream piece by piece."""

    def __init__(self, coding: Coding) -> None:
        self._stream: Any = zstd.ZstdDecompressor() if coding == "zstd" else gzip.zlib.decompressobj(31)  # type: ignore[attr-defined] # the module that gzip itself uses

    def read(self, piece: bytes) -> bytes:
        """What one piece adds."""
        read: bytes = self._stream.decompress(piece)
        return read


def packer_reader(coding: Coding) -> Reader:
    """A reader for this coding."""
    return Reader(coding)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"text/html; charset=utf-8")],
        [(b"content-type", b"text/plain")],
        [JSON_TYPE, (b"etag", b'"1"')],
        [JSON_TYPE, (b"content-encoding", b"gzip")],
        [(b"x", b"y")],
    ],
)
async def test_what_is_no_json_or_has_a_form_already_stays(headers: list[tuple[bytes, bytes]]) -> None:
    """A page with a secret above all, and what a tag stands for."""
    answer = await answer_to("gzip, zstd", b"x" * 10_000, headers=headers)

    assert b"".join(answer.pieces) == b"x" * 10_000
    assert answer.headers == {**dict(headers), b"content-length": b"10000"}


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_long_answer_is_packed_beside_the_event_loop(coding: Coding) -> None:
    """The loop goes on meanwhile: another task runs between the beginning and the end."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    before, threads = turns, threading.active_count()
    await answer_to(coding, json.dumps(list(range(500_000))).encode())
    counting.cancel()

    assert turns > before
    assert threading.active_count() >= threads


@pytest.mark.parametrize("coding", CODINGS)
def test_a_packer_makes_little_of_much(coding: Coding) -> None:
    """Memories are text: a fifth of it is enough."""
    text = " ".join(f"On day {day} I drank masala tea with friend {day % 7}." for day in range(1_000)).encode()

    assert len(packer_for(coding).whole(text)) < len(text) / 5


@pytest.mark.parametrize(("accepted", "coding"), [("gzip", "gzip"), ("zstd, gzip", "zstd"), ("identity", None)])
async def test_the_service_packs_its_answers(mock_api: Api, accepted: str, coding: str | None) -> None:
    """A list in the coding that was asked for, and HEAD with the headers of GET."""
    await mock_api.remember_batch(*(f"masala tea number {number}" for number in range(50)))
    asked = {"Accept-Encoding": accepted, "X-User-ID": mock_api.user}
    plain = await mock_api.http.get("/memory/memories", headers={**asked, "Accept-Encoding": "identity"})

    async with mock_api.http.stream("GET", "/memory/memories", headers=asked) as response:
        raw = b"".join([piece async for piece in response.aiter_raw()])
    head = await mock_api.http.head("/memory/memories", headers=asked)

    assert response.headers.get("content-encoding") == coding == head.headers.get("content-encoding")
    assert unpacked(coding, raw) == plain.content
    assert response.headers["vary"] == "Accept-Encoding"
    assert head.content == b""


async def test_the_document_is_packed_once(mock_http: httpx.AsyncClient) -> None:
    """It has tags of its own, one for each form."""
    packed = await mock_http.get("/openapi.json", headers={"Accept-Encoding": "gzip, zstd"})

    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
