"""The direct way to a handler: which requests take it, and that nobody can tell it from the framework's own."""

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from msgspec import Struct
from prometheus_client import CollectorRegistry

from app.http.direct_routes import DirectRoutes
from app.http.plain_query import parameters_of, plain_parameters
from observability.http import AsgiApp, Message, Observed, Receive, Scope, Send
from observability.metrics import Metrics
from tests.support.api import ABSENT_ID, JSON, fresh_user

ONE = f"/memory/memories/{ABSENT_ID}"
OWN = {"x-request-id", "server-timing"}  # by chance or by the clock
JSON_BYTES = (b"content-type", b"application/json")

DIRECT = [
    ("POST", "/memory/recall", b'{"query": "tea"}'),
    ("POST", "/memory/remember", b'{"content": "tea"}'),
    ("POST", "/memory/list", b"{}"),
    ("POST", "/memory/remember/batch", b'{"memories": [{"content": "tea"}]}'),
    ("POST", "/memory/recall/batch", b'{"queries": [{"query": "tea"}]}'),
    ("POST", "/memory/keys/get", b'{"key": "tea"}'),
    ("GET", ONE, b""),
    ("PATCH", ONE, b'{"content": "tea"}'),
    ("DELETE", ONE, b""),
    ("GET", "/memory/memories", b""),
    ("GET", "/memory/memories?limit=10&order=oldest", b""),
]
OTHERS = [
    ("POST", "/memory/recall/", b'{"query": "tea"}'),
    ("GET", "//memory/memories", b""),
    ("GET", "/memory/memories/", b""),
    ("GET", f"{ONE}/history", b""),
    ("GET", "/memory/memories?limit=%31", b""),
    ("GET", "/memory/memories?limit=0", b""),
    ("GET", "/memory/memories?limit=1&limit=1", b""),
    ("GET", "/memory/memories?unknown=1", b""),
    ("DELETE", "/memory/memories?confirm=everything", b""),
    ("PUT", "/memory/recall", b""),
    ("OPTIONS", ONE, b""),
    ("GET", "/memory/keys/tea", b""),
    ("GET", "/livez", b""),
    ("GET", "/nothing", b""),
]


class Routed:
    """An application and the direct way before it; `passed` holds the paths of what went on to the framework."""

    def __init__(self, framework: Litestar) -> None:
        self.passed: list[str] = []
        self._framework = framework
        self._app: AsgiApp = Observed(DirectRoutes(self._pass, framework), Metrics(CollectorRegistry()))

    async def ask(self, method: str, target: str, body: bytes, *headers: tuple[bytes, bytes]) -> list[Message]:
        """Send one request, and return the messages of its answer; there are none if it went on."""
        path, _, query = target.partition("?")
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [JSON_BYTES, *headers],
            "client": ("127.0.0.1", 1),
            "litestar_app": self._framework,
            "state": {},
        }
        await self._app(scope, receive, send)
        return sent

    async def _pass(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        self.passed.append(scope["path"])


@pytest.mark.parametrize(("method", "target", "body"), DIRECT)
async def test_what_is_asked_all_the_time_takes_the_direct_way(
    mock_app: Litestar, method: str, target: str, body: bytes
) -> None:
    """The framework sees none of it, and it is answered."""
    routed = Routed(mock_app)

    start, content = await routed.ask(method, target, body)

    assert routed.passed == []
    assert start["status"] in {200, 404}
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(content["body"])


@pytest.mark.parametrize(("method", "target", "body"), OTHERS)
async def test_all_else_is_left_to_the_framework(mock_app: Litestar, method: str, target: str, body: bytes) -> None:
    """Other handlers, other spellings, and whatever is wrong with a query: nothing of it has been done before."""
    routed = Routed(mock_app)

    assert await routed.ask(method, target, body) == []
    assert routed.passed == [target.partition("?")[0]]


@pytest.mark.parametrize(
    ("host", "passed"), [(b"127.0.0.1:8000", []), (b"[::1]", []), (b"a host", [ONE]), (b"a_b", [ONE])]
)
async def test_an_odd_host_is_judged_by_the_framework(mock_app: Litestar, host: bytes, passed: list[str]) -> None:
    """Which refuses what cannot be a name."""
    routed = Routed(mock_app)

    await routed.ask("GET", ONE, b"", (b"host", host))

    assert routed.passed == passed


RECALL = "/memory/recall"
BODIES = [
    b'{"query": "tea"}',
    b'{"query": "tea", "user_id": "somebody-else"}',
    b'{"query": "tea", "limit": 0}',
    b'{"query": "tea", "unknown": 1}',
    b'{"query": 7}',
    b'{"query": "\\ud800"}',
    b"{",
    b"[]",
    b"null",
    b" ",
    b"",
]
HEADERS = [
    {"X-Request-Timeout-Ms": "0"},
    {"X-Request-Timeout-Ms": "1000"},
    {"Memory-Session": "nothing"},
    {"Content-Type": "text/plain"},
    {"X-User-ID*": "UTF-8''other"},
    {"X-User-ID*": "nothing"},
    {"Origin": "http://elsewhere.example"},
    {"Prefer": "wait="},
    {"Idempotency-Key": ""},
    {"Idempotency-Key": "tea"},
    {"If-Match": "tea"},
    {"If-None-Match": "tea, *"},
]


@pytest.mark.parametrize("body", BODIES)
async def test_every_body_is_answered_as_the_framework_would(mock_http: httpx.AsyncClient, body: bytes) -> None:
    """The slash behind the path makes it the framework's."""
    await _assert_same(mock_http, "POST", RECALL, JSON, body)


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", RECALL, b'{"query": "tea"}'),
        ("POST", RECALL, b""),
        ("PATCH", ONE, b'{"content": "tea"}'),
        ("PATCH", ONE, b""),
        ("DELETE", ONE, b""),
        ("GET", ONE, b""),
        ("GET", "/memory/memories/nonsense", b""),
        ("GET", "/memory/memories", b""),
    ],
)
async def test_every_header_is_heeded_as_by_the_framework(
    mock_http: httpx.AsyncClient, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    """What is wrong with several parts of a request is told in the same order, too."""
    await _assert_same(mock_http, method, path, JSON | headers, body)


async def test_what_is_not_sent_again_is_answered_as_by_the_framework(mock_http: httpx.AsyncClient) -> None:
    """304 has neither a body nor a word about one."""
    user = {"X-User-ID": fresh_user()}
    stored = await mock_http.post("/memory/remember", json={"content": "tea"}, headers=user)
    path, shown = f"/memory/memories/{stored.json()['memory_id']}", {"If-None-Match": stored.headers["etag"]}

    answers = [await mock_http.get(path + behind, headers=user | shown) for behind in ("", "/")]

    assert [(one.status_code, one.content) for one in answers] == [(304, b"")] * 2
    direct, framework = [{*one.headers.items()} for one in answers]
    assert {name for name, _ in direct ^ framework} <= OWN
    assert not {"content-type", "content-length"} & {name for name, _ in direct}


async def _assert_same(http: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    sent = {"X-User-ID": fresh_user(), **headers}
    direct, framework = [await http.request(method, path + behind, headers=sent, content=body) for behind in ("", "/")]

    assert direct.status_code == framework.status_code
    assert _told(direct) == _told(framework)


def _told(response: httpx.Response) -> tuple[object, list[tuple[str, str]]]:
    content = response.json()
    content.pop("request_id", None)
    return content, [(name, value) for name, value in response.headers.multi_items() if name not in OWN]


@pytest.mark.parametrize(
    ("query", "given"),
    [
        (b"", {}),
        (b"limit=10", {"limit": 10, "order": "newest", "total": False}),
        (b"limit=100&order=oldest&total=true", {"limit": 100, "order": "oldest", "total": True}),
    ],
)
def test_a_plain_query_is_read_by_the_types_of_the_handler(
    mock_app: Litestar, query: bytes, given: dict[str, object]
) -> None:
    """What is left out has its default."""
    found = plain_parameters(query, _of_lists(mock_app))

    assert found is not None
    assert {name: found[name] for name in given} == given


@pytest.mark.parametrize(
    "query",
    [
        b"limit=0",
        b"limit=101",
        b"limit=ten",
        b"limit=",
        b"limit",
        b"limit=10&",
        b"&limit=10",
        b"limit=10&limit=10",
        b"limit=1%30",
        b"limit=+10",
        b"session=a+b",
        b"session=\xc3\xa9",
        b"session=" + b"a" * 257,
        b"order=sideways",
        b"unknown=1",
        b"limit=10=10",
        b"limit=10\n",
    ],
)
def test_whatever_else_a_query_may_be_is_left_to_the_framework(mock_app: Litestar, query: bytes) -> None:
    """It may be right in another spelling, and if it is wrong the framework says why."""
    assert plain_parameters(query, _of_lists(mock_app)) is None


def _of_lists(app: Litestar) -> type[Struct]:
    handlers = [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]
    [listing] = [handler for handler in handlers if handler.handler_name == "list_memories"]
    return parameters_of(listing)
