"""The proxy that misbehaves: what a client sees of each behaviour, and what the upstream hears of it."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.support.fickle_http import HUGE_BYTES, Behaviour, FickleHttp, Received

HURRIED = 0.2
PATIENT = 30.0
SAID = b'{"results": [{"memory": "tea"}]}'


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[FickleHttp]:
    """A server that has one answer for all; it is the other half of what is tested."""
    async with FickleHttp("http://nobody.invalid") as server:
        await server.become(
            Behaviour.STATUS, status=201, headers={"content-type": "application/json", "x-said": "so"}, body=SAID
        )
        yield server


@pytest_asyncio.fixture
async def fickle(upstream: FickleHttp) -> AsyncIterator[FickleHttp]:
    """The proxy before it, with a path of its own in the upstream's address."""
    async with FickleHttp(f"{upstream.base_url}/mem0") as proxy:
        yield proxy


@pytest_asyncio.fixture
async def client(fickle: FickleHttp) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the proxy that has time."""
    async with httpx.AsyncClient(base_url=fickle.base_url, timeout=PATIENT, trust_env=False) as http:
        yield http


async def test_a_request_is_passed_on_as_it_came(
    fickle: FickleHttp, upstream: FickleHttp, client: httpx.AsyncClient
) -> None:
    """Method, path, query, headers and body reach the upstream unchanged."""
    await client.put("/memories/1?user_id=a%20b&x=%C3%A9", headers={"X-API-Key": "k"}, content=b"\x00body")

    heard = upstream.requests[0]
    assert heard[:2] == ("PUT", "/mem0/memories/1?user_id=a%20b&x=%C3%A9")
    assert (heard.headers["x-api-key"], heard.body) == ("k", b"\x00body")
    assert [received.path for received in fickle.requests] == ["/memories/1?user_id=a%20b&x=%C3%A9"]


async def test_the_answer_is_passed_back_as_it_was_given(client: httpx.AsyncClient) -> None:
    """Status, headers and body reach the client unchanged."""
    answer = await client.get("/")

    assert (answer.status_code, answer.headers["x-said"], answer.content) == (201, "so", SAID)


async def test_a_connection_serves_many_requests(client: httpx.AsyncClient) -> None:
    """The client keeps its connection from one request to the next."""
    answers = [await client.get("/"), await client.get("/")]

    ends = {answer.extensions["network_stream"].get_extra_info("client_addr") for answer in answers}
    assert len(ends) == 1


async def test_down_refuses_and_comes_back_on_the_same_port(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """While it is down connections are refused, also for a client that had one; afterwards the address is the same."""
    await client.get("/")
    await fickle.become(Behaviour.DOWN)
    with pytest.raises(httpx.ConnectError):
        await client.get("/")
    await fickle.become(Behaviour.OK)

    assert (await client.get("/")).status_code == 201


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.LATE])
async def test_a_hang_leaves_the_upstream_in_peace(
    behaviour: Behaviour, fickle: FickleHttp, upstream: FickleHttp, client: httpx.AsyncClient
) -> None:
    """The client waits in vain, and the upstream has heard of nothing."""
    await fickle.become(behaviour, delay=60)

    with pytest.raises(httpx.ReadTimeout):
        await client.get("/", timeout=HURRIED)
    assert (len(fickle.requests), upstream.requests) == (1, [])


async def test_who_hangs_is_hung_up_on_when_the_behaviour_changes(
    fickle: FickleHttp, client: httpx.AsyncClient
) -> None:
    """A hanging client learns of the end as soon as there is one."""
    await fickle.become(Behaviour.HANG)
    waiting = asyncio.create_task(client.get("/"))
    await asyncio.sleep(HURRIED)
    await fickle.become(Behaviour.OK)

    with pytest.raises(httpx.RemoteProtocolError):
        await waiting
    assert len(fickle.requests) == 1


async def test_stored_and_never_told(fickle: FickleHttp, upstream: FickleHttp, client: httpx.AsyncClient) -> None:
    """The upstream acts, and the client waits in vain for its answer."""
    await fickle.become(Behaviour.STORE_THEN_HANG)

    with pytest.raises(httpx.ReadTimeout):
        await client.post("/memories", content=b"tea", timeout=1.0)
    assert [received.body for received in upstream.requests] == [b"tea"]
    assert fickle.acted == fickle.requests


async def test_a_late_request_arrives_when_nobody_waits_for_it(
    fickle: FickleHttp, upstream: FickleHttp, client: httpx.AsyncClient
) -> None:
    """What the client has given up reaches the upstream later, after what was asked in the meantime."""
    await fickle.become(Behaviour.LATE, times=1, delay=60.0)
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/memories", content=b"first", timeout=HURRIED)
    await client.post("/memories", content=b"second")
    await fickle.settled()

    assert [received.body for received in upstream.requests] == [b"second", b"first"]


async def test_a_status_of_its_own(fickle: FickleHttp, upstream: FickleHttp, client: httpx.AsyncClient) -> None:
    """Status, headers and body are those it was told, and the upstream hears nothing."""
    await fickle.become(Behaviour.STATUS, status=429, headers={"retry-after": "7"}, body=b"no")
    answer = await client.get("/")

    assert (answer.status_code, answer.headers["retry-after"], answer.content) == (429, "7", b"no")
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("behaviour", "status", "start"),
    [
        (Behaviour.GARBAGE, 200, b"<html>"),
        (Behaviour.BINARY, 200, b'{"results": "\xff'),
        (Behaviour.EMPTY, 200, b""),
        (Behaviour.REDIRECT, 307, b""),
    ],
)
async def test_an_answer_that_is_none(
    behaviour: Behaviour, status: int, start: bytes, fickle: FickleHttp, client: httpx.AsyncClient
) -> None:
    """The answer is whole, and is not JSON."""
    await fickle.become(behaviour)
    answer = await client.get("/")

    assert (answer.status_code, answer.content[: len(start)]) == (status, start)
    with pytest.raises(ValueError, match=r"codec|Expecting value"):
        answer.json()


async def test_who_follows_a_redirect_is_seen(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """A redirect leads back to the proxy, where it is told from the first request by its path."""
    await fickle.become(Behaviour.REDIRECT, times=1)
    await client.get("/memories", follow_redirects=True)

    assert [received.path for received in fickle.requests] == ["/memories", "/elsewhere"]


async def test_a_truncated_answer_is_half_of_the_real_one(
    fickle: FickleHttp, upstream: FickleHttp, client: httpx.AsyncClient
) -> None:
    """The upstream acts, and the client gets fewer bytes than it was promised."""
    await fickle.become(Behaviour.TRUNCATED)

    with pytest.raises(httpx.RemoteProtocolError, match="16 bytes, expected 32"):
        await client.post("/memories")
    assert len(upstream.requests) == 1


async def test_a_huge_answer_ends_when_the_client_hangs_up(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """A client that reads no more than it wants is not sent much more than that."""
    await fickle.become(Behaviour.HUGE)
    async with client.stream("GET", "/") as answer:
        async for _ in answer.aiter_bytes():
            break
    await client.aclose()
    await asyncio.sleep(0.1)

    assert 0 < fickle.sent < HUGE_BYTES / 2


async def test_a_huge_answer_can_be_read(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """It is JSON without an end to be seen, but it has one."""
    await fickle.become(Behaviour.HUGE)
    answer = await client.get("/")

    assert "content-length" not in answer.headers
    assert len(answer.content) > HUGE_BYTES
    assert (answer.content[:12], answer.content[-3:]) == (b'{"results":[', b'"]}')


async def test_a_drip_never_ends(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """Every byte comes in time, and the answer never does."""
    await fickle.become(Behaviour.DRIP)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3 * HURRIED):
            await client.get("/")


async def test_a_slow_answer_comes_after_its_delay(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """The right answer comes, and not before the time."""
    await fickle.become(Behaviour.SLOW, delay=0.1)
    started = time.monotonic()
    answer = await client.get("/")

    assert (answer.content, time.monotonic() - started >= 0.1) == (SAID, True)


async def test_a_reset_is_a_reset(fickle: FickleHttp, upstream: FickleHttp, client: httpx.AsyncClient) -> None:
    """The request is taken and the connection reset, without a word to the upstream."""
    await fickle.become(Behaviour.RESET)

    with pytest.raises(httpx.ReadError):
        await client.get("/")
    assert (len(fickle.requests), upstream.requests) == (1, [])


async def test_only_so_many_times(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """With `times` it behaves well again after that many requests."""
    await fickle.become(Behaviour.STATUS, times=2)

    assert [(await client.get("/")).status_code for _ in range(4)] == [500, 500, 201, 201]


async def test_only_for_some_requests(fickle: FickleHttp, client: httpx.AsyncClient) -> None:
    """With `only` the others are passed on, and do not count."""

    def writes(received: Received) -> bool:
        return received.method == "POST"

    await fickle.become(Behaviour.STATUS, times=1, only=writes)

    assert (await client.get("/")).status_code == 201
    assert [(await client.post("/")).status_code for _ in range(2)] == [500, 201]


async def test_an_upstream_that_is_gone(upstream: FickleHttp, client: httpx.AsyncClient) -> None:
    """Whoever asks while the upstream is gone is hung up on."""
    await upstream.become(Behaviour.DOWN)

    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/")


async def test_nothing_remains_of_it(upstream: FickleHttp) -> None:
    """When the context ends nobody listens any more, and a late request is forgotten."""
    async with FickleHttp(upstream.base_url) as proxy, httpx.AsyncClient(timeout=HURRIED, trust_env=False) as http:
        await proxy.become(Behaviour.LATE, delay=0.3)
        with pytest.raises(httpx.ReadTimeout):
            await http.get(proxy.base_url)
    await asyncio.sleep(0.3)

    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(proxy.base_url)
    assert upstream.requests == []


async def test_it_can_leave_before_its_clients(upstream: FickleHttp, caplog: pytest.LogCaptureFixture) -> None:
    """Clients that are connected, waiting or idle, when the context ends are hung up on without a word in the log."""
    async with httpx.AsyncClient(timeout=PATIENT, trust_env=False) as http:
        async with FickleHttp(upstream.base_url) as proxy:
            await http.get(proxy.base_url)
            await proxy.become(Behaviour.SLOW, delay=PATIENT)
            waiting = [asyncio.create_task(http.get(proxy.base_url)) for _ in range(2)]
            await asyncio.sleep(HURRIED)
        answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(answer) for answer in answers] == [httpx.RemoteProtocolError] * 2
    assert [record for record in caplog.records if record.name == "asyncio"] == []
