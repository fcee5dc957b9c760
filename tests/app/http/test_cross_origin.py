"""Pages of origins that are configured may call the service from a browser; others may not, and none has cookies."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from app.auth.keys import hash_key, new_key
from app.settings import ConfigError, load
from tests.support.api import asgi_client, running_app

ORIGIN = "https://app.example.com"
KEY = new_key("page")
ASKING = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,x-user-id*"}


@pytest_asyncio.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A browser on a service that lets pages of one origin call it."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__PAGE__HASH": hash_key(KEY),
        "NINAI__SERVER__CROSS_ORIGINS": ORIGIN,
    }
    async with running_app(environ) as app, asgi_client(app) as http:
        yield http


async def test_a_page_may_call_with_its_own_key(http: httpx.AsyncClient) -> None:
    """The browser asks beforehand, without a key, and may then send it and read what the answer says."""
    asked = await http.options("/memory/memories/x", headers={"Origin": ORIGIN, **ASKING})
    body = {"content": "tea"}
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {KEY}", "X-User-ID*": "UTF-8''%E7%94%A8"}
    stored = await http.post("/memory/remember", json=body, headers=headers)

    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert "PATCH" in asked.headers["access-control-allow-methods"].split(", ")
    allowed = {name.lower() for name in asked.headers["access-control-allow-headers"].split(", ")}
    assert {"authorization", "content-type", "idempotency-key", "x-user-id*"} <= allowed
    assert (stored.status_code, stored.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert {"Memory-Degraded", "Retry-After"} <= set(stored.headers["access-control-expose-headers"].split(", "))
    assert "origin" in stored.headers["vary"].lower()
    assert not any(name == "access-control-allow-credentials" for name in (*asked.headers, *stored.headers))


@pytest.mark.parametrize("path", ["/memory/memories", "/memory/nothing", "/livez"])
async def test_a_refusal_can_be_read_as_well(http: httpx.AsyncClient, path: str) -> None:
    """A page that cannot read it would tell its user that the network failed."""
    assert (await http.get(path, headers={"Origin": ORIGIN})).headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://app.example.com", f"{ORIGIN}.evil.com", "null"])
async def test_a_page_of_another_origin_may_not(http: httpx.AsyncClient, origin: str) -> None:
    """Its browser is not told that it may, neither beforehand nor afterwards."""
    asked = await http.options("/memory/memories/x", headers={"Origin": origin, **ASKING})
    answered = await http.get("/livez", headers={"Origin": origin})

    for response in (asked, answered):
        assert not any(name.startswith("access-control") for name in response.headers)
        assert "origin" in response.headers["vary"].lower()


async def test_without_origins_nothing_is_said(guarded_http: httpx.AsyncClient) -> None:
    """As before."""
    response = await guarded_http.get("/livez", headers={"Origin": ORIGIN})

    assert not any(name.startswith("access-control") for name in response.headers)


@pytest.mark.parametrize("origin", ["*", "app.example.com", "https://App.example.com", f"{ORIGIN}/", "null"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """At the start; there is no word for all of them."""
    with pytest.raises(ConfigError, match=r"server\.cross_origins"):
        load(None, environ={"NINAI__SERVER__CROSS_ORIGINS": origin})


def test_who_asks_for_no_keys_lets_no_page_call() -> None:
    """Every visitor of the page would have the memories of this machine."""
    with pytest.raises(ConfigError, match=r'auth\.mode = "none" serves everybody'):
        load(None, environ={"NINAI__SERVER__CROSS_ORIGINS": ORIGIN})
