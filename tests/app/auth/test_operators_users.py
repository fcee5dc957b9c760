"""Operators whose keys are for some users, or for one tenant: of all others they see, export and erase nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.auth.keys import hash_key, new_key
from tests.support.api import asgi_client, running_app
from tests.support.chains import two_providers

KEYS = {name: new_key(name) for name in ("service", "acme", "alices", "reader")}
_ALL = '["admin", "admin:memories", "memory"]'
_FIELDS = {
    "service": {"SCOPES": _ALL},
    "acme": {"SCOPES": _ALL, "TENANT": "acme"},
    "alices": {"SCOPES": _ALL, "USER": "alice"},
    "reader": {"SCOPES": '["admin", "memory:read"]'},
}
_ALICE, _BOB = ("alice", "alice of the default tenant"), ("bob", "bob of the default tenant")
_ACMES = ("alice", "alice of acme")


def _of(name: str) -> dict[str, str]:
    return {"X-API-Key": KEYS[name]}


@asynccontextmanager
async def inhabited(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with a journal and two tenants, of which each has memories."""
    environ = {**two_providers(folder), "NINAI__AUTH__MODE": "api_key", "NINAI__TENANTS__ENABLED": "true"}
    for name, fields in _FIELDS.items():
        own = {"HASH": hash_key(KEYS[name]), **fields}
        environ |= {f"NINAI__AUTH__KEYS__{name.upper()}__{field}": value for field, value in own.items()}
    async with running_app(environ) as app, asgi_client(app) as client:
        for name, (user, text) in (("service", _ALICE), ("service", _BOB), ("acme", _ACMES)):
            headers = {**_of(name), "X-User-ID": user}
            stored = await client.post("/memory/remember", json={"content": text}, headers=headers)
            assert stored.status_code == 200, stored.text
        yield client


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application of its own."""
    async with inhabited(tmp_path) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def shared_http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one application for all tests that only read."""
    async with inhabited(tmp_path_factory.mktemp("shared")) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "seen"), [("service", [_ALICE, _BOB, _ACMES]), ("acme", [_ACMES]), ("alices", [_ALICE])]
)
async def test_the_feed_of_all_users_is_of_those_that_a_key_is_for(
    shared_http: httpx.AsyncClient, name: str, seen: list[tuple[str, str]]
) -> None:
    """A key of another tenant than the default one sees that, one for some users these, and any other key all."""
    page: dict[str, Any] = (await shared_http.get("/admin/changes", headers=_of(name))).json()

    assert [(one["user_id"], one["memory"]["content"]) for one in page["changes"]] == seen


@pytest.mark.parametrize("path", ["/admin/export?user_id={}", "/admin/users/{}/export"])
async def test_an_export_is_of_a_user_that_the_key_is_for(shared_http: httpx.AsyncClient, path: str) -> None:
    """However the user is named: of the key's own tenant, of its own users, and with the scope to export."""
    exported = {name: await shared_http.get(path.format("alice"), headers=_of(name)) for name in KEYS}
    bobs = await shared_http.get(path.format("bob"), headers=_of("alices"))

    assert {name: answer.status_code for name, answer in exported.items()} == dict.fromkeys(KEYS, 200) | {"reader": 403}
    assert [text in exported["acme"].text for _, text in (_ACMES, _ALICE)] == [True, False]
    assert [text in exported["alices"].text for _, text in (_ACMES, _ALICE)] == [False, True]
    assert bobs.status_code == 403


@pytest.mark.parametrize("path", ["/admin/users?user_id={}&confirm=everything", "/admin/users/{}?confirm=everything"])
async def test_an_erasure_is_of_a_user_that_the_key_is_for(http: httpx.AsyncClient, path: str) -> None:
    """However the user is named: a namesake of another tenant stays, and of another user nothing is erased."""
    bobs = await http.delete(path.format("bob"), headers=_of("alices"))
    erased = await http.delete(path.format("alice"), headers=_of("acme"))
    left = [
        (await http.get("/memory/memories", headers={**_of(name), "X-User-ID": user})).json()["count"]
        for name, user in (("acme", "alice"), ("service", "alice"), ("service", "bob"))
    ]

    assert (bobs.status_code, erased.status_code in {200, 202}) == (403, True)
    assert left == [0, 1, 1]
