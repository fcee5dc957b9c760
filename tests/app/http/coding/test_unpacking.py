"""Bodies in gzip: the same as others, within the same limits, and no more work for what is made to swell."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from app.http.body_limit import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from app.http.coding.unpacking import PIECE_BYTES, UnpackBodies
from app.http.problems import RequestError
from observability.http import Message, Receive, Scope, Send
from tests.support.api import Api, field_in

REMEMBER, BATCH = "/memory/remember", "/memory/remember/batch"
PACKED = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
MIB = 1024 * 1024


async def posted(api: Api, path: str, body: bytes, **headers: str) -> httpx.Response:
    """Send a body that claims to be packed."""
    return await api.request("POST", path, content=body, headers={**PACKED, **headers})


def padded(size: int, path: str = REMEMBER) -> bytes:
    """A memory written in so many bytes, or a batch of one."""
    head, tail = b'{"content":"masala tea"', b"}"
    if path == BATCH:
        head, tail = b'{"memories":[' + head, tail + b"]}"
    return head + b" " * (size - len(head) - len(tail)) + tail


async def test_a_packed_memory_is_stored(mock_api: Api) -> None:
    """As if it had not been packed; `x-gzip` is the old name, and capitals mean nothing."""
    body = gzip.compress(json.dumps({"content": "masala tea"}).encode())

    answers = [await posted(mock_api, REMEMBER, body, **{"Content-Encoding": name}) for name in ("gzip", "X-GZip")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert await mock_api.contents() == ["masala tea"] * 2


@pytest.mark.parametrize("coding", ["", "identity", "Identity, "])
async def test_a_body_that_is_not_packed_may_say_so(mock_api: Api, coding: str) -> None:
    """The name for it changes nothing."""
    assert (await posted(mock_api, REMEMBER, b'{"content":"tea"}', **{"Content-Encoding": coding})).status_code == 200


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "gzip, br", "x" * 5_000])
async def test_another_coding_is_refused(mock_api: Api, coding: str) -> None:
    """The answer says which one is taken (RFC 9110, section 15.5.16)."""
    response = await posted(mock_api, REMEMBER, b'{"content":"tea"}', **{"Content-Encoding": coding})

    assert (response.status_code, field_in(response)) == (415, "Content-Encoding")
    assert response.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(("path", "most"), [(REMEMBER, MAX_BODY_BYTES), (BATCH, MAX_BATCH_BODY_BYTES)])
async def test_the_limit_counts_what_was_unpacked(mock_api: Api, path: str, most: int) -> None:
    """On both sides of it, though 1 kB is sent for each MiB."""
    body = padded(most, path)

    fits = await posted(mock_api, path, gzip.compress(body))
    too_long = await posted(mock_api, path, gzip.compress(body + b" "))

    assert fits.status_code in {200, 422}  # what a single item may have is less than a batch
    assert (too_long.status_code, field_in(too_long)) == (413, "body")


@pytest.mark.parametrize("chunked", [True, False])
async def test_what_was_sent_is_limited_as_well(mock_api: Api, *, chunked: bool) -> None:
    """Bytes that cannot be packed are more in gzip; beyond the limit nothing of them is looked at."""
    store = zlib.compressobj(0, zlib.DEFLATED, 31)
    body = store.compress(padded(MAX_BODY_BYTES)) + store.flush()

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(body), 100_000):
            yield body[begin : begin + 100_000]

    headers = {**PACKED, "X-User-ID": mock_api.user}
    response = await mock_api.http.post(REMEMBER, content=pieces() if chunked else body, headers=headers)

    assert (response.status_code, field_in(response)) == (413, "body")


def spoiled(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What is no stream of gzip, or more than one."""
    packed = gzip.compress(body)
    yield "plain", body
    yield "empty", b""
    yield "cut", packed[:-1]
    yield "head alone", packed[:10]
    yield "zlib", zlib.compress(body)
    yield "wrong sum", packed[:-8] + bytes(8)
    yield "another behind", packed + packed
    yield "an empty one behind", packed + gzip.compress(b"")
    yield "a byte behind", packed + b"\0"
    yield "a byte far behind", packed + bytes(100_000)


SPOILED = dict(spoiled(b'{"content":"tea"}'))


@pytest.mark.parametrize("body", SPOILED.values(), ids=SPOILED)
async def test_what_is_no_single_stream_of_gzip_is_refused(mock_api: Api, body: bytes) -> None:
    """With the field, and nothing is stored."""
    response = await posted(mock_api, REMEMBER, body)

    assert (response.status_code, field_in(response)) == (400, "body")
    assert await mock_api.contents() == []


class Reading:
    """An application that reads a body, as far as it is allowed to."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.pieces: list[int] = []
        self.ended = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - it answers nothing
        """Read until the end, or until there is too much."""
        while sum(self.pieces) <= self.most:
            message = await receive()
            self.pieces.append(len(message["body"]))
            if not message["more_body"]:
                self.ended = True
                return


async def read(body: bytes, sizes: int, path: str = REMEMBER, most: int = MAX_BATCH_BODY_BYTES) -> Reading:
    """Return an application that has read a body which arrived in pieces of so many bytes."""
    arriving = [body[begin : begin + sizes] for begin in range(0, len(body), sizes)]

    async def receive() -> Message:
        piece = arriving.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(arriving)}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    reading = Reading(most)
    scope: Scope = {"type": "http", "path": path, "headers": [(b"content-encoding", b"gzip")]}
    await UnpackBodies(reading)(scope, receive, send)
    return reading


@pytest.mark.parametrize("sizes", [1_000, 10 * MIB])
async def test_a_bomb_is_unpacked_no_further_than_it_is_read(sizes: int) -> None:
    """64 MiB of nothing come as 64 kB; whoever stops after 1 MiB has had one piece more at most."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(bomb.compress(bytes(MIB)) for _ in range(64)) + bomb.flush()

    reading = await read(body, sizes, most=MIB)

    assert max(reading.pieces) <= PIECE_BYTES
    assert MIB < sum(reading.pieces) <= MIB + PIECE_BYTES


@pytest.mark.parametrize("sizes", [1, 7, 100_000])
async def test_a_body_may_arrive_in_pieces_of_any_size(sizes: int) -> None:
    """Also byte by byte."""
    text = b"".join(b"%d," % number for number in range(40_000 if sizes > 1 else 2_000))

    reading = await read(gzip.compress(text), sizes)

    assert (sum(reading.pieces), reading.ended) == (len(text), True)


async def test_many_empty_streams_are_refused_at_the_second() -> None:
    """Each would cost memory of its own, and add nothing to what is limited."""
    with pytest.raises(RequestError, match="behind its end"):
        await read(gzip.compress(b"") * 40_000, 10 * MIB)


async def test_blocks_without_content_end_at_the_limit() -> None:
    """A stream may hold any number of empty blocks: what was sent is counted as well."""
    stream = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = stream.compress(b"{") + stream.flush(zlib.Z_FULL_FLUSH) + b"\0\0\0\xff\xff" * MIB

    with pytest.raises(RequestError, match="at most"):
        await read(body, 64 * 1024)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("path", "body"),
    [(REMEMBER, b'{"content":"tea"}'), (BATCH, b'{"memories":[{"content":"tea"}]}')],
)
async def test_a_byte_order_mark_is_skipped(mock_api: Api, path: str, body: bytes, *, packed: bool) -> None:
    """Some editors put one before every text; JSON readers may ignore it (RFC 8259, section 8.1)."""
    marked = b"\xef\xbb\xbf" + body

    response = await (posted(mock_api, path, gzip.compress(marked)) if packed else mock_api.send("POST", path, marked))

    assert response.status_code == 200, response.text
    assert await mock_api.contents() == ["tea"]
