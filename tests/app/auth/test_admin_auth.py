"""Who may use the admin API: keys by their scopes, and everybody where no key is asked for."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import structlog

from app.auth.keys import hash_key, new_key
from observability.logs import configure_logs
from tests.support.api import asgi_client, problem_in, running_app
from tests.support.chains import two_providers

ADMIN_ROUTES = [
    ("GET", "/admin/providers"),
    ("GET", "/admin/providers/a"),
    ("PUT", "/admin/providers/a/breaker"),
    ("GET", "/admin/explain"),
    ("GET", "/admin/journal"),
    ("GET", "/admin/journal/dead"),
    ("POST", "/admin/journal/dead/1/b/retry"),
    ("DELETE", "/admin/journal/dead/1/b"),
]
MEMORY_ROUTES = [
    ("GET", "/memory/memories", "memory:read"),
    ("POST", "/memory/recall", "memory:read"),
    ("POST", "/memory/remember/batch", "memory:write"),
]

KEYS = {name: new_key("test") for name in ("plain", "ops", "both")}


def shown(name: str) -> dict[str, str]:
    """The headers of a caller who holds this key."""
    return {"Authorization": f"Bearer {KEYS[name]}"}


@pytest_asyncio.fixture(scope="module")
async def http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a chain whose keys are for memories, for operators, and for both."""
    folder: Path = tmp_path_factory.mktemp("chain")
    keys = {f"NINAI__AUTH__KEYS__{name.upper()}__HASH": hash_key(key) for name, key in KEYS.items()}
    scopes = {
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__OPS__SCOPES": "admin",
        "NINAI__AUTH__KEYS__BOTH__SCOPES": "memory,admin",
    }
    async with running_app(two_providers(folder) | keys | scopes) as app, asgi_client(app) as client:
        yield client


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged during one test, in lines of JSON."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs("json", "info", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(("method", "path"), ADMIN_ROUTES)
async def test_every_admin_route_asks_for_a_key(http: httpx.AsyncClient, method: str, path: str) -> None:
    """Without a key, or with one that nobody configured, there is a challenge and nothing else."""
    for headers in ({}, {"Authorization": f"Bearer {new_key('test')}"}):
        response = await http.request(method, path, headers=headers)
        assert (response.status_code, problem_in(response)["type"]) == (401, "urn:ninai:problem:unauthenticated")
        assert response.headers["www-authenticate"] == 'Bearer realm="ninai"'


@pytest.mark.parametrize(("method", "path"), ADMIN_ROUTES)
async def test_every_admin_route_asks_for_the_scope(http: httpx.AsyncClient, method: str, path: str) -> None:
    """A key has the scope of memories alone unless it is given others, and is told which one it lacks."""
    problem = problem_in(await http.request(method, path, headers=shown("plain")))

    assert (problem["status"], problem["type"]) == (403, "urn:ninai:problem:forbidden")
    assert problem["detail"] == f'This API key lacks the scope "{"admin:read" if method == "GET" else "admin:write"}"'


@pytest.mark.parametrize(("method", "path", "scope"), MEMORY_ROUTES)
async def test_a_key_for_operators_opens_no_memory(http: httpx.AsyncClient, method: str, path: str, scope: str) -> None:
    """Whoever looks after the service does not read what is in it."""
    problem = problem_in(await http.request(method, path, headers={**shown("ops"), "X-User-ID": "alice"}))

    assert (problem["status"], problem["type"]) == (403, "urn:ninai:problem:forbidden")
    assert problem["detail"] == f'This API key lacks the scope "{scope}"'


@pytest.mark.parametrize("name", ["ops", "both"])
async def test_an_operator_names_no_user(http: httpx.AsyncClient, name: str) -> None:
    """The admin API is about no user, so none is asked for."""
    assert (await http.get("/admin/providers", headers=shown(name))).status_code == 200


async def test_a_key_may_have_both_scopes(http: httpx.AsyncClient) -> None:
    """One key can open memories and the admin API."""
    headers = {**shown("both"), "X-User-ID": "alice"}

    assert (await http.get("/memory/memories", headers=headers)).status_code == 200
    assert (await http.get("/admin/journal", headers=headers)).status_code == 200


@pytest.mark.parametrize("sent", [{"json": {"state": "shut"}}, {"content": b"{"}, {"params": {"unknown": "x"}}])
async def test_who_asks_comes_before_what(http: httpx.AsyncClient, sent: dict[str, Any]) -> None:
    """Whoever lacks the scope learns nothing of what else is wrong, nor which providers there are."""
    for path in ("/admin/providers/a/breaker", "/admin/providers/nobody/breaker"):
        assert (await http.put(path, headers=shown("plain"), **sent)).status_code == 403


async def test_what_an_operator_does_is_logged_with_the_key(http: httpx.AsyncClient, log: io.StringIO) -> None:
    """The log tells which key forced a breaker, and why; so does the breaker."""
    path = "/admin/providers/b/breaker"
    forced = await http.put(path, headers=shown("ops"), json={"state": "open", "reason": "disk swap"})
    await http.put(path, headers=shown("both"), json={"state": "auto"})

    events = [event for event in map(json.loads, log.getvalue().splitlines()) if event["event"] == "breaker_set"]
    assert forced.json()["why"] == "forced by ops: disk swap"
    assert [(one["level"], one["provider"], one["state"], one["operator"], one["reason"]) for one in events] == [
        ("warning", "b", "open", "ops", "disk swap"),
        ("warning", "b", "auto", "both", ""),
    ]


async def test_where_no_key_is_asked_for_the_admin_api_is_open(mock_http: httpx.AsyncClient) -> None:
    """Such a service can be reached from its own machine alone."""
    assert (await mock_http.get("/admin/providers")).status_code == 200
