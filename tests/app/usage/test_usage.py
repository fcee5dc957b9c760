"""Operators see what keys, users and tenants ask and hold, page by page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.keys import hash_key, new_key
from providers.limits import MAX_LIST_LIMIT
from providers.replica_limits import MAX_KEY_CHARS
from tests.support.api import Api, asgi_client, field_in, running_app
from tests.support.chains import two_providers

KEYS = {name: new_key("test") for name in ("agent", "acme", "ops")}


def environment(folder: Path) -> dict[str, str]:
    """The settings of a service over a chain of two, with keys of two tenants, limits and quotas."""
    return {
        **two_providers(folder),
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__TENANTS__ENABLED": "true",
        "NINAI__QUOTAS__USER__MEMORIES": "3",
        "NINAI__QUOTAS__TENANTS__ACME__BYTES": "1000",
        **{f"NINAI__AUTH__KEYS__{name.upper()}__HASH": hash_key(key) for name, key in KEYS.items()},
        "NINAI__AUTH__KEYS__ACME__TENANT": "acme",
        "NINAI__AUTH__KEYS__OPS__SCOPES": '["admin"]',
    }


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """A service that nobody has used."""
    async with running_app(environment(tmp_path)) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of it."""
    async with asgi_client(app) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def shared_http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of one service for all tests that look at no numbers."""
    environ = environment(tmp_path_factory.mktemp("shared"))
    async with running_app(environ) as opened, asgi_client(opened) as client:
        yield client


async def usage(http: httpx.AsyncClient, **params: str | int) -> dict[str, Any]:
    """A page."""
    response = await http.get("/admin/usage", params=params, headers={"Authorization": f"Bearer {KEYS['ops']}"})
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    assert page["count"] == len(page["entries"])
    return page


def of(http: httpx.AsyncClient, user: str, key: str = "agent") -> Api:
    """A client of a user with one of the keys."""
    return Api(http, user, {"Authorization": f"Bearer {KEYS[key]}"})


async def test_users_have_what_they_hold_may_hold_and_asked(http: httpx.AsyncClient) -> None:
    """A refused request is one of both numbers; users of other tenants come first."""
    for text in ("tea", "coffee", "cocoa", "milk"):
        await of(http, "alice").remember(text)
    await of(http, "alice").recall("tea")
    await of(http, "bob", "acme").remember("tea", {"hot": True})

    page = await usage(http, by="user")

    bob, alice = page["entries"]
    assert alice == {
        "name": "alice",
        "requests": 5,
        "refused": 1,
        "memories_written": 3,
        "memories": 3,
        "bytes": 14,
        "memories_quota": 3,
    }
    assert bob["tenant"] == "acme"
    assert (bob["memories"], bob["bytes"], bob["memories_written"]) == (1, 3 + len('{"hot": true}'), 1)
    assert (page["provider"], page["next_after"]) == ("a", None)


async def test_keys_and_tenants_have_what_they_asked(app: Litestar, http: httpx.AsyncClient) -> None:
    """A tenant is counted when somebody asks for it, if not before; a key holds nothing."""
    await of(http, "alice").remember("tea")
    await of(http, "bob").remember_batch("tea", "coffee")
    await of(http, "carol", "acme").remember("tea")
    await app.state.quotas.tenants.count(lambda: 1.0)

    keys = {entry["name"]: entry for entry in (await usage(http, by="key"))["entries"]}
    tenants = await usage(http, by="tenant")

    assert {name: entry["memories_written"] for name, entry in keys.items()} == {"acme": 1, "agent": 3}
    assert keys["agent"]["requests"] == 2
    assert "memories" not in keys["agent"]
    acme, default = tenants["entries"]
    assert (acme["name"], acme["memories"], acme["bytes"], acme["bytes_quota"]) == ("acme", 1, 3, 1000)
    assert (default["name"], default["memories"], default["memories_written"]) == ("default", 3, 3)
    assert tenants["counted_at"] >= tenants["since"]


@pytest.mark.parametrize("by", ["key", "user", "tenant"])
async def test_pages_have_each_name_once(http: httpx.AsyncClient, by: str) -> None:
    """Whatever their size."""
    for user, key in (("alice", "agent"), ("bob", "agent"), ("carol", "acme")):
        await of(http, user, key).remember("tea")
    whole = [entry["name"] for entry in (await usage(http, by=by))["entries"]]

    names: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await usage(http, by=by, limit=1, **after)
        names += [entry["name"] for entry in page["entries"]]
        if page["next_after"] is None:
            break
        after = {"after": page["next_after"]}

    assert [name for name in names if name != "ops"] == [name for name in whole if name != "ops"]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"by": "nobody"}, "by"),
        ({"limit": 0}, "limit"),
        ({"limit": MAX_LIST_LIMIT + 1}, "limit"),
        ({"after": "*"}, "after"),
        *(({"by": by, "after": "x" * (MAX_KEY_CHARS + 1)}, "after") for by in ("key", "user", "tenant")),
        *(({"by": by, "after": ""}, "after") for by in ("key", "user", "tenant")),
    ],
)
async def test_a_page_that_breaks_a_rule_is_refused(
    shared_http: httpx.AsyncClient, params: dict[str, str | int], field: str
) -> None:
    """The field is named."""
    response = await shared_http.get("/admin/usage", params=params, headers={"Authorization": f"Bearer {KEYS['ops']}"})

    assert response.status_code == 422
    assert field_in(response) == field


@pytest.mark.parametrize("by", ["key", "tenant"])
async def test_a_page_follows_the_longest_name(shared_http: httpx.AsyncClient, by: str) -> None:
    """The bound is that of the names themselves."""
    assert (await usage(shared_http, by=by, after="x" * MAX_KEY_CHARS))["next_after"] is None


async def test_only_operators_see_usage(shared_http: httpx.AsyncClient) -> None:
    """A key for memories does not."""
    response = await shared_http.get("/admin/usage", headers={"Authorization": f"Bearer {KEYS['agent']}"})

    assert response.status_code == 403
