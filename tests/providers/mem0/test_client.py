"""One request over a real connection: bounded in time and size, never sent elsewhere, honest about what is unknown."""

import asyncio
import gc
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import pytest

from observability.secret import Secret
from providers.errors import Misconfigured, ProviderError, TimedOut, Unavailable, Unreachable
from providers.mem0.client import MAX_ANSWER_BYTES, HttpRequest, open_client
from providers.mem0.dialects.answers import NIL
from providers.mem0.dialects.base import Dialect
from providers.mem0.dialects.oss import OssDialect
from tests.support.fickle_http import HUGE_BYTES, Behaviour, FickleHttp
from tests.support.mem0 import DIALECTS, SERVERS, speaking

PATIENCE = 0.5
NOWHERE = "https://127.0.0.1:9"
LONG = 10.0  # seconds; a wait that long on a busy machine would never end

PLACES = 4
BROKEN_OFF = 200  # times
BROKEN_OFF_WITHIN = 0.01  # seconds, in which every request of these comes to its end

Ask = Callable[[Dialect], Awaitable[object]]

READS: list[Ask] = [lambda dialect: dialect.search("anna", "tea", 10), lambda dialect: dialect.everything("anna")]
WRITES: list[Ask] = [lambda dialect: dialect.add("anna", NIL, "tea", {"colour": "green"})]


@pytest.fixture(scope="module", params=DIALECTS)
async def speaker(request: pytest.FixtureRequest) -> AsyncIterator[tuple[FickleHttp, Dialect]]:
    """A proxy before a server that speaks a dialect, and a patient client of that dialect before the proxy."""
    async with speaking_to_a_proxy(request.param, LONG) as pair:
        yield pair


@pytest.fixture(scope="module", params=DIALECTS)
async def hasty(request: pytest.FixtureRequest) -> AsyncIterator[tuple[FickleHttp, Dialect]]:
    """The same with little time."""
    async with speaking_to_a_proxy(request.param, PATIENCE) as pair:
        yield pair


@asynccontextmanager
async def speaking_to_a_proxy(name: str, patience: float) -> AsyncIterator[tuple[FickleHttp, Dialect]]:
    """Put a proxy between a server and a client of its dialect."""
    async with (
        SERVERS[name]() as upstream,
        FickleHttp(upstream.base_url) as fickle,
        speaking(fickle.base_url, name, patience) as dialect,
    ):
        yield fickle, dialect


async def errors_of(dialect: Dialect, calls: list[Ask]) -> list[tuple[type[ProviderError], bool]]:
    """The error of each call, none of which may succeed, and whether it may have happened."""
    errors: list[tuple[type[ProviderError], bool]] = []
    for ask in calls:
        with pytest.raises(Unavailable) as caught:
            await ask(dialect)
        errors.append((type(caught.value), caught.value.ambiguous))
    return errors


async def test_where_no_server_listens_nothing_happened(speaker: tuple[FickleHttp, Dialect]) -> None:
    """A refused connection is certain: even a write did not happen."""
    fickle, dialect = speaker
    await fickle.become(Behaviour.DOWN)

    assert await errors_of(dialect, READS + WRITES) == [(Unreachable, False)] * 3

    await fickle.become(Behaviour.OK)
    assert await dialect.search("anna", "tea", 10) == []


@pytest.mark.parametrize("behaviour", [Behaviour.HANG, Behaviour.DRIP])
async def test_an_answer_has_to_be_whole_in_time(hasty: tuple[FickleHttp, Dialect], behaviour: Behaviour) -> None:
    """Silence, and a byte now and then, both end with the patience for one request; a write is then in doubt."""
    fickle, dialect = hasty
    await fickle.become(behaviour)

    started = monotonic()
    assert await errors_of(dialect, READS) == [(TimedOut, False)] * 2
    assert await errors_of(dialect, WRITES) == [(TimedOut, True)]
    assert monotonic() - started < LONG


@pytest.mark.parametrize(
    "behaviour", [Behaviour.RESET, Behaviour.TRUNCATED, Behaviour.GARBAGE, Behaviour.BINARY, Behaviour.EMPTY]
)
async def test_what_is_no_answer_leaves_a_write_in_doubt(
    speaker: tuple[FickleHttp, Dialect], behaviour: Behaviour
) -> None:
    """A connection that breaks and a body that is no JSON say nothing: a read failed, a write may have happened."""
    fickle, dialect = speaker
    await fickle.become(behaviour)

    assert await errors_of(dialect, READS) == [(Unavailable, False)] * 2
    assert await errors_of(dialect, WRITES) == [(Unavailable, True)]


@pytest.mark.parametrize(
    "body",
    [
        b"[1, 2]",
        b'"tea"',
        b"{}",
        b"null",
        b'{"results": null, "memories": null}',
        b'{"results": {"id": 1}, "memories": {"id": 1}}',
        b'{"results": [{"id": 7, "memory": "tea"}], "memories": [{"id": 7, "content": "tea"}], "memory_id": 7}',
        b'{"results": [null], "memories": [null], "memory_id": null}',
        b'{"detail": "it is only an error that came with 200"}',
        b"[" * 100_000,
    ],
)
async def test_json_of_another_shape_is_no_answer(speaker: tuple[FickleHttp, Dialect], body: bytes) -> None:
    """JSON that cannot be read as memories is a failure, never an empty list and never a success."""
    fickle, dialect = speaker
    await fickle.become(Behaviour.STATUS, status=200, body=body)

    assert await errors_of(dialect, READS) == [(Unavailable, False)] * 2
    assert await errors_of(dialect, WRITES) == [(Unavailable, True)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(speaker: tuple[FickleHttp, Dialect], status: int) -> None:
    """Keys and memories go nowhere but where they were configured to go."""
    fickle, dialect = speaker
    async with FickleHttp(fickle.base_url) as target:
        await fickle.become(Behaviour.STATUS, status=status, headers={"location": f"{target.base_url}/v1/memories/"})

        assert await errors_of(dialect, READS + WRITES) == [(Misconfigured, False)] * 3
        assert target.requests == []


@pytest.mark.parametrize(("asked", "ambiguous"), [(READS[0], False), (WRITES[0], True)])
async def test_an_answer_without_end_is_not_read_to_its_end(*, asked: Ask, ambiguous: bool) -> None:
    """Of 100 MB no more is taken than a thousand of the greatest memories can be."""
    async with FickleHttp("http://127.0.0.1:9") as fickle, speaking(fickle.base_url, "oss", 60.0) as dialect:
        await fickle.become(Behaviour.HUGE)

        assert await errors_of(dialect, [asked]) == [(Unavailable, ambiguous)]
        assert MAX_ANSWER_BYTES <= fickle.sent < HUGE_BYTES


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_the_environment_does_not_send_it_elsewhere(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A proxy in the environment sees nothing."""
    async with SERVERS["spec"]() as server, FickleHttp("http://127.0.0.1:9") as proxy:
        monkeypatch.setenv(variable, proxy.base_url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with speaking(server.base_url, "spec") as dialect:
            await dialect.ping()

        assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("key", ["clé", "two\nlines", "nul\0"])
async def test_a_key_that_no_header_can_hold_is_not_quoted(key: str) -> None:
    """Such a key is the operator's to mend, and stands neither in the error nor in its cause."""
    async with SERVERS["oss"]() as server:
        async with open_client(server.base_url, request_timeout=LONG, connect_timeout=LONG, concurrency=1) as client:
            with pytest.raises(Misconfigured) as caught:
                await OssDialect(client, Secret(key)).ping()

        assert key not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        assert server.requests == []


async def test_who_waits_for_a_place_has_all_the_time_for_the_request() -> None:
    """No more requests are under way than are allowed, and a wait for the others is not part of one's own patience."""
    async with SERVERS["spec"]() as server, FickleHttp(server.base_url) as fickle:
        await fickle.become(Behaviour.SLOW, delay=0.5)
        async with open_client(fickle.base_url, request_timeout=2.0, connect_timeout=2.0, concurrency=1) as client:
            asked = [asyncio.create_task(client.send(HttpRequest(method="GET", path="/health"))) for _ in range(5)]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            at_first = len(fickle.requests)
            answers = await asyncio.gather(*asked)

    assert at_first <= 2
    assert [answer.status for answer in answers] == [200] * 5


async def test_a_prefix_of_the_base_url_is_kept() -> None:
    """mem0 may stand behind a path of a web server's."""
    async with SERVERS["spec"]() as server, FickleHttp(server.base_url) as fickle:
        async with speaking(f"{fickle.base_url}/mem0/", "spec") as dialect:
            with pytest.raises(Misconfigured):
                await dialect.everything("anna")

        assert [one.path.partition("?")[0] for one in fickle.requests] == ["/mem0/v1/memories/"]


async def test_credentials_in_the_base_url_are_sent() -> None:
    """As browsers send them, in a header; a request says who we are, and carries no cookie that it was given."""
    async with SERVERS["spec"]() as server, FickleHttp(server.base_url) as fickle:
        address = fickle.base_url.replace("://", "://anna:p%40ss@")
        await fickle.become(Behaviour.STATUS, status=200, times=1, headers={"set-cookie": "a=b"}, body=b"{}")
        async with open_client(address, request_timeout=LONG, connect_timeout=LONG, concurrency=1) as client:
            for _ in range(2):
                await client.send(HttpRequest(method="GET", path="/health"))

    for request in fickle.requests:
        assert request.headers["authorization"] == f"Basic {b64encode(b'anna:p@ss').decode()}"
        assert request.headers["host"] == fickle.base_url.removeprefix("http://")
        assert request.headers["user-agent"] == "ninaivalaigal"
        assert "cookie" not in request.headers
    assert len(fickle.requests) == 2


async def test_requests_broken_off_leave_all_places_free() -> None:
    """At whatever moment a request is cancelled, its place can be taken again, and its connection does not stay."""
    request = HttpRequest(method="GET", path="/health")
    async with (
        SERVERS["spec"]() as server,
        open_client(server.base_url, request_timeout=LONG, connect_timeout=LONG, concurrency=PLACES) as client,
    ):
        for seconds in [BROKEN_OFF_WITHIN * number / BROKEN_OFF for number in range(BROKEN_OFF)]:
            asked = [asyncio.create_task(client.send(request)) for _ in range(PLACES)]
            await asyncio.sleep(seconds)
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

        answers = await asyncio.gather(*(client.send(request) for _ in range(2 * PLACES)))
        async with asyncio.timeout(LONG):
            while server.connections > PLACES:  # noqa: ASYNC110 - the server notifies nobody
                await asyncio.sleep(0.01)

    assert [answer.status for answer in answers] == [200] * 2 * PLACES


@pytest.mark.thorough
async def test_certificates_are_read_once_in_a_process() -> None:
    """All clients that are open, and all their connections, share one context."""

    def contexts() -> int:
        gc.collect()
        return sum(isinstance(one, ssl.SSLContext) for one in gc.get_objects())

    async with AsyncExitStack() as opened:
        counts = []
        for _ in range(3):
            client = await opened.enter_async_context(
                open_client(NOWHERE, request_timeout=1, connect_timeout=1, concurrency=2)
            )
            with pytest.raises(Unavailable):
                await OssDialect(client, Secret("key")).search("anna", "tea", 10)
            counts.append(contexts())

    assert counts == [counts[0]] * 3
    assert counts[0] > 0
