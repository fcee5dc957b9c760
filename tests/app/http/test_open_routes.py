"""Routes that ask for no key: whoever asks them in a loop makes the service do next to nothing."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from app.auth.keys import hash_key, new_key
from observability.metrics.scrapes import OPEN_METRICS, Scrapes
from tests.support.api import asgi_client, problem_in, running_app
from tests.support.asgi import Headers, ask, effort_of

FOREVER = 3600.0  # seconds for which a look and a scrape are shared
CALLERS = 40

# Of functions in one request; the framework, the access line and the metrics alone have 400, and each of the 45 pieces
# in which the script goes out some 30 to 60. The OpenAPI document took 298,270 when it was made anew.
MOST_CALLS = 4_000
# Bytes beside the answer itself, two pieces of it among them; the script took 11 million when it was unpacked anew.
MOST_HELD = 3 * 64 * 1024

KEY = new_key("watch")
GUARDED = {
    "MEMORY_PROVIDER": "mock",
    "NINAI__AUTH__MODE": "api_key",
    "NINAI__AUTH__KEYS__ONE__HASH": hash_key(KEY),
    "NINAI__AUTH__KEYS__ONE__SCOPES": "metrics:read",
}
SHOWN: Headers = ((b"x-api-key", KEY.encode()),)
PACKED: Headers = ((b"accept-encoding", b"gzip"),)
OPEN: Headers = ((b"accept", OPEN_METRICS.encode()),)
REQUESTS: list[tuple[str, str, Headers, int]] = [
    ("GET", "/livez", (), 200),
    ("GET", "/readyz", (), 200),
    ("GET", "/memory/health", (), 401),
    ("GET", "/memory/health", SHOWN, 200),
    ("GET", "/metrics", (), 401),
    ("GET", "/metrics", ((b"x-api-key", b"x"),), 401),
    ("GET", "/metrics", SHOWN, 200),
    ("GET", "/metrics", (*PACKED, *SHOWN), 200),
    ("GET", "/metrics", (*OPEN, *SHOWN), 200),
    ("HEAD", "/metrics", SHOWN, 200),
    ("GET", "/", (), 302),
    ("GET", "/openapi.json", (), 200),
    ("GET", "/openapi.json", PACKED, 200),
    ("HEAD", "/openapi.json", (), 200),
    ("GET", "/docs", (), 200),
    ("GET", "/docs/openapi.json", (), 200),
    ("GET", "/docs/scalar.js", (), 200),
    ("GET", "/docs/scalar.js", PACKED, 200),
    ("GET", "/docs/nothing", (), 404),
    ("GET", "/console", (), 401),
    ("GET", "/console/login", (), 303),
    ("GET", "/console/nothing", (), 404),
    ("GET", "/console/files/console.css", (), 200),
    ("GET", "/console/files/nothing", (), 404),
    ("GET", "/nothing", (), 404),
    ("GET", "/" + "a/" * 2_000, (), 404),
    ("POST", "/livez", (), 405),
    ("BREW", "/livez", (), 405),
    ("OPTIONS", "/livez", (), 204),
    ("OPTIONS", "/nothing", (), 404),
    ("GET", "/memory/memories", (), 401),
    ("POST", "/memory/recall", (), 401),
    ("GET", "/admin/providers", (), 401),
]
FIXED = {
    "/openapi.json": "no-cache",
    "/docs": "no-cache",
    "/docs/openapi.json": "no-cache",
    "/docs/scalar.js": "public, max-age=86400",
    "/console/files/console.css": "no-cache",
    "/console/files/console.js": "no-cache",
    "/console/files/icon.svg": "no-cache",
}


_TAGS = """
import asyncio, sys
from tests.support.api import asgi_client, running_app
async def main():
    async with running_app({"MEMORY_PROVIDER": "mock"}) as app, asgi_client(app) as http:
        print(*[(await http.get(path)).headers["etag"] for path in sys.argv[1:]])
asyncio.run(main())
"""


class Scraped:
    """Counts how often the metrics are gathered."""

    def __init__(self) -> None:
        self.times = 0

    def describe(self) -> list[Metric]:
        """Tell of nothing, without counting."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give nothing, and count."""
        self.times += 1
        yield from ()


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Litestar]:
    """An application that asks for keys, in which nothing grows old."""
    async with running_app(GUARDED, FOREVER) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def shared_app() -> AsyncIterator[Litestar]:
    """Such an application for all tests that change nothing in it."""
    async with running_app(GUARDED, FOREVER) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it that may see how it does."""
    async with asgi_client(app) as client:
        client.headers["X-API-Key"] = KEY
        yield client


@pytest_asyncio.fixture(scope="module")
async def shared_http(shared_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of the shared one."""
    async with asgi_client(shared_app) as client:
        yield client


def looks_of(app: Litestar) -> float:
    """How often a provider was asked how it is."""
    registry: CollectorRegistry = app.state.metrics.registry
    labels = {"provider": "mock", "operation": "health_check", "outcome": "ok"}
    return registry.get_sample_value("ninai_operation_duration_seconds_count", labels) or 0.0


@pytest.mark.thorough
@pytest.mark.parametrize(("method", "path", "headers", "status"), REQUESTS)
async def test_a_request_costs_little(
    shared_app: Litestar, method: str, path: str, headers: Headers, status: int
) -> None:
    """What it does and what it holds stay within bounds, however large its answer is."""
    assert (await ask(shared_app, method, path, headers)).status == status

    effort = await effort_of(shared_app, method, path, headers)

    assert effort.calls <= MOST_CALLS
    assert effort.held <= MOST_HELD


async def test_the_metrics_are_gathered_once_for_all_who_ask(app: Litestar, http: httpx.AsyncClient) -> None:
    """Once for each of the two formats, packed or not, at the same time or one after the other."""
    scraped = Scraped()
    app.state.metrics.registry.register(scraped)
    asked = [{"Accept": accept, "Accept-Encoding": coding} for accept in ("", OPEN_METRICS) for coding in ("gzip", "")]
    for _ in range(2):
        await asyncio.gather(*(http.get("/metrics", headers=headers) for headers in asked * CALLERS))

    assert scraped.times == 2


async def test_the_metrics_are_packed_for_whom_they_may_be() -> None:
    """The same in a twentieth of the bytes; a cache on the way tells formats and encodings apart."""
    async with running_app({"MEMORY_PROVIDER": "mock"}, FOREVER) as app:
        plain, packed = await ask(app, "GET", "/metrics"), await ask(app, "GET", "/metrics", PACKED)

    assert packed.size * 10 < plain.size
    assert (plain.headers.get(b"content-encoding"), packed.headers[b"content-encoding"]) == (None, b"gzip")
    assert plain.headers[b"content-type"] == packed.headers[b"content-type"]
    assert plain.headers[b"vary"] == packed.headers[b"vary"] == b"Accept, Accept-Encoding"


async def test_metrics_that_cannot_be_had_in_time_are_a_problem(app: Litestar, http: httpx.AsyncClient) -> None:
    """Nobody waits for ever, and all wait for the same."""
    asked = 0

    async def gathered() -> CollectorRegistry:
        nonlocal asked
        asked += 1
        await asyncio.sleep(FOREVER)
        return CollectorRegistry()

    late = app.state.scrapes = Scrapes(gathered, FOREVER, patience=0.05)
    responses = await asyncio.gather(*(http.get("/metrics") for _ in range(CALLERS)))
    await late.aclose()

    assert {(one.status_code, problem_in(one)["type"]) for one in responses} == {
        (503, "urn:ninai:problem:metrics-late")
    }
    assert {one.headers["retry-after"] for one in responses} == {"1"}
    assert asked == 1


async def test_a_provider_is_looked_at_once_for_all_who_ask(app: Litestar, http: httpx.AsyncClient) -> None:
    """By whichever route."""
    before = looks_of(app)
    for _ in range(2):
        paths = ["/readyz", "/memory/health"] * CALLERS
        responses = await asyncio.gather(*map(http.get, paths))
        assert {response.status_code for response in responses} == {200}

    assert (before, looks_of(app)) == (0, 1)


async def turns_of(app: Litestar, path: str) -> int:
    """How often the event loop turns until a request is answered, at most a thousand times."""
    asking = asyncio.create_task(ask(app, "GET", path))
    for turn in range(1_000):
        if asking.done():
            return turn
        await asyncio.sleep(0)
    await asking
    return 1_000


async def test_whoever_asks_an_open_route_gives_way_to_callers() -> None:
    """It is answered at once, but not while a memory is being stored."""
    async with running_app({"MEMORY_PROVIDER": "mock"}, FOREVER) as app:
        before = await turns_of(app, "/livez")
        complete = asyncio.Event()
        storing = asyncio.create_task(
            ask(app, "POST", "/memory/remember", ((b"content-type", b"application/json"),), complete)
        )
        while not app.state.metrics.registry.get_sample_value("ninai_http_requests_in_flight"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        during = await turns_of(app, "/livez")
        complete.set()
        await storing
        after = await turns_of(app, "/livez")

    assert max(before, after) < during


@pytest.mark.parametrize(("path", "kept"), FIXED.items())
async def test_what_never_changes_has_a_tag(shared_http: httpx.AsyncClient, path: str, kept: str) -> None:
    """A strong one for each encoding; whoever shows it is told that it has the bytes already."""
    tags = []
    for coding in ("gzip", "identity"):
        headers = {"Accept-Encoding": coding}
        whole = await shared_http.get(path, headers=headers)
        tag = whole.headers["etag"]
        tags.append(tag)
        shown = {"same": tag, "weak": f"W/{tag}", "among": f'"other", {tag}', "any": "*", "other": '"other"'}
        statuses = {}
        for name, value in shown.items():
            response = await shared_http.get(path, headers=headers | {"If-None-Match": value})
            statuses[name] = response.status_code
            assert (response.content == b"") == (response.status_code == 304)
            assert [response.headers[name] for name in ("etag", "cache-control", "vary")] == [
                tag,
                kept,
                "Accept-Encoding",
            ]

        assert statuses == {"same": 304, "weak": 304, "among": 304, "any": 304, "other": 200}
        assert tag.startswith('"')
    assert len(set(tags)) == 2


@pytest.mark.parametrize("path", FIXED)
async def test_what_never_changes_is_the_same_in_both_encodings(shared_http: httpx.AsyncClient, path: str) -> None:
    """Bytes and length, as HEAD tells them too."""
    plain = await shared_http.get(path, headers={"Accept-Encoding": "identity"})
    packed = await shared_http.get(path, headers={"Accept-Encoding": "gzip"})
    head = await shared_http.head(path, headers={"Accept-Encoding": "gzip"})

    assert packed.content == plain.content
    assert int(plain.headers["content-length"]) == len(plain.content)
    assert head.headers["content-length"] == packed.headers["content-length"]
    assert (head.headers["etag"], head.headers["content-encoding"]) == (packed.headers["etag"], "gzip")


@pytest.mark.thorough
def test_every_process_has_the_same_tags() -> None:
    """A client may be answered by another worker the next time, in which other things come first in a set."""

    def tags(seed: str) -> str:
        command = [sys.executable, "-c", _TAGS, *FIXED]
        return subprocess.run(  # noqa: S603 - our own command
            command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.splitlines()[-1]

    first, second = tags("1"), tags("2")
    assert first == second
    assert len(set(first.split())) == len(FIXED) - 1  # the document is in two places
