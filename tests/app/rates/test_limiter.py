"""Callers, users and tenants ask as much as they may, in every protocol, and are told how much is left."""

import asyncio
from pathlib import Path

import httpx
import pytest

from app.auth.keys import hash_key, new_key
from tests.support.api import Api, asgi_client, problem_in, running_app
from tests.support.following import eventually, following_app

MOCK = {"MEMORY_PROVIDER": "mock", "NINAI__COMPAT__MEM0__ENABLED": "true"}
MCP = {"Accept": "application/json, text/event-stream"}
MANY = {"memories": [{"content": f"fact {number}"} for number in range(3)]}


def refused(response: httpx.Response) -> str:
    """What a refusal says, after checking its form."""
    problem = problem_in(response)
    assert (response.status_code, problem["type"]) == (429, "urn:ninai:problem:rate-limited"), problem
    assert int(response.headers["retry-after"]) >= 1
    return str(problem["detail"])


async def test_without_limits_nobody_is_counted() -> None:
    """And no header says so."""
    async with running_app(MOCK) as app, asgi_client(app) as http:
        response = await Api(http, "alice").remember("tea")

    assert "ratelimit" not in response.headers


async def test_a_user_may_make_its_requests_and_no_more_and_others_theirs() -> None:
    """Whatever the protocol; the headers tell how much is left."""
    call = {"name": "search_memories", "arguments": {"query": "tea"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    async with running_app({**MOCK, "NINAI__LIMITS__USER__REQUESTS": "4"}) as app, asgi_client(app) as http:
        api = Api(http, "alice")
        first = await api.remember("tea")
        await http.post("/search", json={"query": "tea", "user_id": "alice"})
        await http.post("/mcp/u/alice", json=message, headers=MCP)
        last = await api.recall("tea")
        over = await api.recall("tea")
        through_mem0 = await http.post("/search", json={"query": "tea", "user_id": "alice"})
        through_mcp = await http.post("/mcp/u/alice", json=message, headers=MCP)
        other = await Api(http, "bob").recall("tea")
        metrics = (await http.get("/metrics")).text

    assert first.headers["ratelimit-policy"] == '"user";q=4;w=60'
    assert first.headers["ratelimit"] == '"user";r=3;t=15'
    assert (last.status_code, last.headers["ratelimit"].partition(";t=")[0]) == (200, '"user";r=0')
    assert refused(over) == "This user may ask for 4 requests in 60 seconds; nothing was done"
    assert (through_mem0.status_code, other.status_code) == (429, 200)
    assert through_mcp.json()["result"]["isError"]
    assert 'ninai_rate_limited_total{by="user",unit="requests"} 3.0' in metrics


async def test_a_key_is_limited_for_all_its_users_and_a_tenant_for_all_its_keys() -> None:
    """Before the request is read; a key of another tenant is not concerned."""
    keys = {name: new_key("test") for name in ("one", "two", "other")}
    environ = {
        **MOCK,
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__TENANTS__ENABLED": "true",
        "NINAI__LIMITS__KEY__REQUESTS": "2",
        "NINAI__LIMITS__TENANT__REQUESTS": "3",
        **{f"NINAI__AUTH__KEYS__{name.upper()}__HASH": hash_key(key) for name, key in keys.items()},
        "NINAI__AUTH__KEYS__OTHER__TENANT": "acme",
    }
    async with running_app(environ) as app, asgi_client(app) as http:

        async def asked(key: str, user: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {keys[key]}", "X-User-ID": user}
            return await http.get("/memory/memories", headers=headers)

        taken = [await asked("one", "alice"), await asked("one", "bob")]
        of_key = await asked("one", "carol")
        taken += [await asked("two", "alice")]
        of_tenant = await asked("two", "alice")
        taken += [await asked("other", "alice")]

    assert [response.status_code for response in taken] == [200] * 4
    assert refused(of_key).startswith("This key may ask for 2 requests")
    assert refused(of_tenant).startswith("This tenant may ask for 3 requests")
    assert taken[0].headers["ratelimit-policy"] == '"key";q=2;w=60, "tenant";q=3;w=60'


async def test_memories_are_counted_one_by_one_and_deleting_is_always_possible() -> None:
    """A batch that is larger than what is left is refused as a whole, and stores nothing."""
    async with running_app({**MOCK, "NINAI__LIMITS__USER__MEMORIES": "4"}) as app, asgi_client(app) as http:
        api = Api(http, "alice")
        stored = await api.request("POST", "/memory/remember/batch", json=MANY)
        over = await api.request("POST", "/memory/remember/batch", json=MANY)
        one = await api.remember("tea")
        none = await api.remember("coffee")
        listed = (await api.page()).json()["count"]
        deleted = await api.request("DELETE", "/memory/memories?confirm=everything")

    assert stored.status_code == one.status_code == deleted.status_code == 200
    assert refused(over) == "This user may ask for 4 memories in 60 seconds; nothing was done"
    assert refused(none).startswith("This user may ask for 4 memories")
    assert over.headers["ratelimit"].startswith('"user-memories";r=1;')
    assert listed == 4


@pytest.mark.parametrize("workers", [1, 2])
async def test_each_worker_grants_its_share(workers: int) -> None:
    """Half of it, where there are two."""
    environ = {**MOCK, "NINAI__LIMITS__KEY__REQUESTS": "4", "NINAI__SERVER__WORKERS": str(workers)}
    async with running_app(environ) as app, asgi_client(app) as http:
        statuses = [(await Api(http, "alice").page()).status_code for _ in range(5)]

    assert statuses.count(200) == 4 // workers


async def test_a_changed_limit_is_in_force_without_a_restart(tmp_path: Path) -> None:
    """As all limits are."""
    file = tmp_path / "ninai.toml"
    file.write_text("")
    async with (
        following_app({"NINAI__DATA_DIR": str(tmp_path), "MEMORY_PROVIDER": "mock"}, file) as app,
        asgi_client(app) as http,
    ):
        api = Api(http, "alice")
        assert (await api.page()).status_code == 200
        file.write_text("[limits.user]\nrequests = 1\n")

        async def is_limited() -> bool:
            return (await api.page()).status_code == 429

        await eventually(is_limited)
        file.write_text("")
        await asyncio.sleep(0)

        async def is_free() -> bool:
            return "ratelimit" not in (await api.page()).headers

        await eventually(is_free)
