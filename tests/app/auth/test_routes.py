"""What each route asks for, from the table of routes itself: every scope against every route."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar, asgi, get, post
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.types import Receive, Scope, Send

from app.auth.admission import admit
from app.auth.keys import hash_key, new_key
from app.auth.routes import PER_MESSAGE, PUBLIC, SCOPE, GuardedRoute, UnguardedRoute, guarded_routes
from app.settings.auth import SCOPES
from tests.support.api import ABSENT_ID, asgi_client, running_app

KEYS = {scope: new_key(scope.replace(":", "-")) for scope in SCOPES}
# What strangers may ask without a key where keys are used: nothing about users, and little about the service.
PUBLIC_ROUTES = {
    "/",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/openapi.json",
    "/docs/{path}",
    "/docs/scalar.js",
    "/docs/guide",
    "/docs/guide/{name}",
    "/console/login",
    "/console/{rest}",
    "/console/files/{name}",
}
_VALUES = {
    "memory_id": ABSENT_ID,
    "name": "mock",
    "provider": "mock",
    "seq": "1",
    "quarantine_id": "1",
    "rest": "x",
    "path": "x",
    "kind": "user",
    "user_id": "alice",
    "key": "x",
    "erasure_id": ABSENT_ID,
    "version": "1",
}
_QUERIES = {"/admin/export": "?user_id=alice"}  # what has no meaning without
# What shows the memories of somebody to an operator asks for the scope of that as well.
_TWICE_GUARDED = {
    ("GET", "/admin/users/{user_id}/export"): "memory:export",
    ("GET", "/admin/export"): "memory:export",
    ("POST", "/memory/memories/{memory_id}/history/{version}/restore"): "memory:read",
}


@pytest_asyncio.fixture(scope="module")
async def app() -> AsyncIterator[Litestar]:
    """An application with a key for each scope."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key"}
    for scope, key in KEYS.items():
        name = scope.replace(":", "-").upper()
        environ |= {f"NINAI__AUTH__KEYS__{name}__HASH": hash_key(key), f"NINAI__AUTH__KEYS__{name}__SCOPES": scope}
    async with running_app(environ) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


def path_of(route: GuardedRoute) -> str:
    """Return a path that leads to a route."""
    return route.template.format_map(_VALUES) + _QUERIES.get(route.template, "")


async def test_every_route_asks_for_exactly_its_scope(app: Litestar, http: httpx.AsyncClient) -> None:
    """With a key of that scope it opens, with one of any other it does not, and without one the caller is unknown."""
    asked = [route for route in guarded_routes(app) if route.asks in SCOPES]
    found, expected = {}, {}
    for route in asked:
        for scope, key in KEYS.items():
            at = (route.method, route.template, scope)
            headers = {"X-API-Key": key, "X-User-ID": "alice"}
            response = await http.request(route.method, path_of(route), headers=headers)
            found[at] = response.status_code == 403 and "lacks the scope" in response.text
            expected[at] = scope != route.asks or (route.method, route.template) in _TWICE_GUARDED
        anonymous = await http.request(route.method, path_of(route))
        assert anonymous.status_code == 401, route

    assert found == expected
    assert {route.asks for route in asked} == set(SCOPES)
    assert len(asked) >= 30


async def test_no_answer_shows_what_a_key_may_not_read(http: httpx.AsyncClient) -> None:
    """A change answers with the memory, and a count by conditions tells what memories hold."""
    user = {"X-User-ID": "alice"}
    write, delete = ({**user, "X-API-Key": KEYS[scope]} for scope in ("memory:write", "memory:delete"))
    stored = await http.post("/memory/remember", json={"content": "tea", "metadata": {"pin": "7391"}}, headers=write)
    memory_id = stored.json()["memory_id"]
    condition = '{"op": "prefix", "field": "pin", "value": "7"}'

    refused = [
        await http.patch(f"/memory/memories/{memory_id}", json={}, headers=write),
        await http.post("/memory/update/batch", json={"changes": [{"memory_id": memory_id}]}, headers=write),
        await http.delete("/memory/memories", params={"dry_run": True}, headers=delete),
        await http.delete("/memory/memories", params={"confirm": "matching", "where": condition}, headers=delete),
    ]

    assert [response.status_code for response in refused] == [403] * 4
    assert all('"memory:read"' in response.json()["detail"].replace("\\", "") for response in refused)
    assert "7391" not in "".join(response.text for response in refused)
    everything = await http.delete("/memory/memories", params={"confirm": "everything"}, headers=delete)
    assert everything.json()["deleted"] >= 1


def test_what_asks_per_message_is_named_here(app: Litestar) -> None:
    """Its own tests show what each message asks for."""
    assert {route.template for route in guarded_routes(app) if route.asks == PER_MESSAGE} == {"/mcp"}


def test_what_is_public_is_named_here(app: Litestar) -> None:
    """A route that is opened is a decision."""
    assert {route.template for route in guarded_routes(app) if route.asks == PUBLIC} == PUBLIC_ROUTES


async def test_a_public_route_asks_for_nothing(app: Litestar, http: httpx.AsyncClient) -> None:
    """It is for strangers, and does not look at what they show."""
    for route in guarded_routes(app):
        if route.asks == PUBLIC and route.method == "GET" and "{" not in route.template:
            for headers in ({}, {"X-API-Key": "x"}):
                response = await http.get(path_of(route), headers=headers)
                assert response.status_code < 400, route


async def test_strangers_are_told_little(http: httpx.AsyncClient) -> None:
    """Ready or not, and nothing of providers, counts or reasons."""
    shown = {"X-API-Key": KEYS["metrics:read"]}

    assert (await http.get("/readyz")).json() == {"ready": True}
    assert [(await http.get(path)).status_code for path in ("/memory/health", "/metrics")] == [401, 401]
    assert [(await http.get(path, headers=shown)).status_code for path in ("/memory/health", "/metrics")] == [200, 200]


@get("/forgotten")
async def forgotten() -> None:
    """Say nothing of what it asks for."""


@get("/misspelt", opt={SCOPE: "memory:raed"}, before_request=admit)
async def misspelt() -> None:
    """Ask for a scope that nobody has."""


@post("/unchecked", opt={SCOPE: "memory:write"})
async def unchecked() -> None:
    """Ask for a scope, and have nobody check it."""


async def _greet(_request: object) -> None:
    """Check nothing."""


@post("/greeted", opt={SCOPE: "memory:write"}, before_request=_greet)
async def greeted() -> None:
    """Ask for a scope behind what does not check it."""


@get("/open", opt={SCOPE: PUBLIC})
async def open_to_all() -> None:
    """Say that everybody may ask."""


@get("/guarded", opt={SCOPE: "memory:read"}, before_request=admit)
async def guarded() -> None:
    """Ask for a scope that is checked."""


@asgi("/forgotten", copy_scope=False)
async def forgotten_messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Take messages, and say nothing of what they ask for."""


@asgi("/unchecked", copy_scope=False, opt={SCOPE: PER_MESSAGE})
async def unchecked_messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Take messages, and have nobody check what they ask for."""


@pytest.mark.parametrize("handler", [forgotten, misspelt, unchecked, greeted, forgotten_messages, unchecked_messages])
def test_a_route_that_nobody_guards_ends_the_start(handler: HTTPRouteHandler | ASGIRouteHandler) -> None:
    """With its name, whoever wrote it forgot."""
    app = Litestar([handler, open_to_all, guarded], openapi_config=None)

    with pytest.raises(UnguardedRoute, match=handler.fn.__name__.split("_")[0]):
        guarded_routes(app)


def test_a_route_says_what_it_asks_for() -> None:
    """A scope, and who checks it, or that it is public."""
    found = guarded_routes(Litestar([open_to_all, guarded], openapi_config=None))

    assert sorted((route.template, route.asks, route.guard) for route in found) == [
        ("/guarded", "memory:read", "admit"),
        ("/open", PUBLIC, ""),
    ]
