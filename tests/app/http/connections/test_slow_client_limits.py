"""How slow a client may be, by the clock of a loop; what ends a connection, and what does not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from app.http.connections.reaper import ConnectionReaper
from app.http.connections.slow_clients import BYTES_PER_SECOND, PIECE_BYTES, SlowClientLimits, allowed_seconds
from app.settings import Settings
from app.settings.model import ServerSettings
from observability.http import Message, Receive, Scope, Send
from observability.metrics import Metrics
from tests.support.sockets import RawClient

MB = 1_000_000
ANSWER = b"x" * (10 * PIECE_BYTES + 1)
SCOPE = {"type": "http", "headers": []}
START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def is_waited_for(length: int, rate: int, *, announced: bool) -> bool:
    """Whether a body that comes at a rate, once each second, is waited for to its end."""
    return all(
        second <= allowed_seconds(10.0, length if announced else 0, second * rate)
        for second in range(length // rate + 1)
    )


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("length", "rate"), [(MB, 50_000), (16 * MB, 50_000), (MB, 40_000), (400_000, 25_000)])
def test_a_telephone_in_the_country_is_waited_for(length: int, rate: int, *, announced: bool) -> None:
    """Whether it says how much comes or not."""
    assert is_waited_for(length, rate, announced=announced)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("length", "rate"), [(16 * MB, 30_000), (MB, 10_000), (8_000, 100)])
def test_who_takes_for_ever_is_not(length: int, rate: int, *, announced: bool) -> None:
    """However steadily it comes."""
    assert not is_waited_for(length, rate, announced=announced)


def test_who_stalls_is_given_up_early() -> None:
    """What was announced buys a second for each 100 kB, and no more."""
    assert allowed_seconds(10.0, BYTES_PER_SECOND, 0) == 11.0
    assert allowed_seconds(10.0, 0, 0) == 10.0


async def answering(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An application with a long answer."""
    await send(START)
    await send({"type": "http.response.body", "body": ANSWER})


async def nothing() -> Message:
    """What a client sends that has sent all."""
    return {"type": "http.request", "body": b"", "more_body": False}


class Reader:
    """A client that takes some pieces of an answer, each after a moment, and then no more."""

    def __init__(self, takes: int) -> None:
        self.taken: list[Message] = []
        self.cut: list[Scope] = []
        self._takes = takes

    async def send(self, message: Message) -> None:
        """Take a piece, or do not."""
        if len(self.taken) == self._takes:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        self.taken.append(message)

    async def cut_off(self, scope: Scope) -> None:
        """Be cut off."""
        self.cut.append(scope)

    @property
    def body(self) -> bytes:
        """What it has read."""
        return b"".join(message.get("body", b"") for message in self.taken)


def paced(reader: Reader) -> SlowClientLimits:
    """The application for a client, without long patience."""
    return SlowClientLimits(answering, ServerSettings(answer_timeout=0.5), reader.cut_off)


async def test_a_long_answer_goes_out_in_pieces() -> None:
    """None is longer than a piece, together they are the answer, and only the last one is said to be the last."""
    reader = Reader(takes=100)

    await paced(reader)(SCOPE, nothing, reader.send)

    assert (reader.body, reader.cut) == (ANSWER, [])
    assert max(len(message.get("body", b"")) for message in reader.taken) == PIECE_BYTES
    assert [message.get("more_body") for message in reader.taken[1:]] == [True] * 10 + [False]


async def test_who_reads_no_further_is_cut_off() -> None:
    """By the scope of its request; what comes after the piece that was not taken is not offered."""
    reader = Reader(takes=1)

    await paced(reader)(SCOPE, nothing, reader.send)

    assert (reader.taken, reader.cut) == ([START], [SCOPE])


async def test_the_service_is_done_when_the_answer_is_ready() -> None:
    """A client's slowness counts in no duration and in no number of requests under way."""
    reader = Reader(takes=1)
    ended = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await answering(scope, receive, send)
        assert reader.taken == [START]
        ended.set()

    await SlowClientLimits(application, ServerSettings(answer_timeout=0.5), reader.cut_off)(SCOPE, nothing, reader.send)

    assert ended.is_set()


async def test_after_the_body_there_is_no_hurry() -> None:
    """An application that waits for its client to leave may wait for long."""
    waited = asyncio.Event()

    async def application(_scope: Scope, receive: Receive, _send: Send) -> None:
        assert (await receive())["more_body"] is False
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 1.0)
        waited.set()

    said = iter([nothing, asyncio.Event().wait])

    async def receive() -> Message:
        message = await next(said)()
        assert isinstance(message, dict)
        return message

    reader = Reader(takes=0)
    await SlowClientLimits(application, ServerSettings(body_timeout=0.5), reader.cut_off)(SCOPE, receive, reader.send)

    assert waited.is_set()


def announcing(length: int, *headers: tuple[bytes, bytes]) -> Scope:
    """A request that announces how long its body is."""
    return {"type": "http", "headers": [(b"content-length", str(length).encode()), *headers]}


async def received(scope: Scope, pieces: list[bytes], times: int) -> list[tuple[str, bytes, bool]]:
    """What an application receives if it asks so often for a body that the server ends with an empty message."""
    coming: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    coming += [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    messages: list[Message] = []

    async def application(_scope: Scope, receive: Receive, _send: Send) -> None:
        messages.extend([await receive() for _ in range(times)])

    async def receive() -> Message:
        return coming.pop(0)

    reader = Reader(takes=0)
    await SlowClientLimits(application, ServerSettings(), reader.cut_off)(scope, receive, reader.send)
    return [(message["type"], message.get("body", b""), message.get("more_body", False)) for message in messages]


@pytest.mark.parametrize("pieces", [[b"tea"], [b"t", b"e", b"a"]])
async def test_a_body_ends_with_the_last_byte_that_was_announced(pieces: list[bytes]) -> None:
    """Without another message, which would be waited for; after it comes the disconnect."""
    whole = [("http.request", piece, place + 1 < len(pieces)) for place, piece in enumerate(pieces)]

    assert await received(announcing(3), pieces, len(pieces) + 1) == [*whole, ("http.disconnect", b"", False)]


@pytest.mark.parametrize(
    "scope",
    [announcing(4), announcing(0), SCOPE, announcing(3, (b"transfer-encoding", b"chunked"))],
    ids=["more is announced", "nothing is announced", "no length", "another framing"],
)
async def test_other_bodies_end_where_the_server_says(scope: Scope) -> None:
    """Only a length that is announced alone tells the end."""
    assert await received(scope, [b"tea"], 3) == [
        ("http.request", b"tea", True),
        ("http.request", b"", False),
        ("http.disconnect", b"", False),
    ]


async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keep a connection until it ends."""
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


@pytest_asyncio.fixture
async def url() -> AsyncIterator[str]:
    """A server in this process that keeps every connection."""
    server = await asyncio.start_server(kept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_connection_that_is_meant_is_cut_off(url: str) -> None:
    """One of several of its address, and none for a client that has left; the cuts that were made are counted."""
    registry = CollectorRegistry()
    patrol = ConnectionReaper(Settings(server=ServerSettings(port=int(url.rpartition(":")[2]))), Metrics(registry))

    with RawClient(url) as slow, RawClient(url) as other:
        while registry.get_sample_value("ninai_connections") != 2:  # until both are accepted
            await asyncio.sleep(0.05)
            await patrol.run_once()

        await patrol.cut({"client": ("127.0.0.1", str(slow.port))})
        await patrol.cut({"client": ("127.0.0.1", "1")})
        await patrol.cut({"client": None})

        assert (slow.is_open(), other.is_open()) == (False, True)

    assert registry.get_sample_value("ninai_connections_cut_total", {"reason": "slow"}) == 1
