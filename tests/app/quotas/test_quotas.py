"""Users and tenants hold as much as they may and no more, and nobody is refused out of ignorance."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from app.auth.keys import hash_key, new_key
from app.settings.errors import ConfigError
from app.settings.quotas import MOST_HELD, QuotaSettings
from tests.support.api import Api, asgi_client, problem_in, running_app
from tests.support.chains import two_providers
from tests.support.following import eventually

MOCK = {"MEMORY_PROVIDER": "mock", "NINAI__COMPAT__MEM0__ENABLED": "true"}
MCP = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def service(**quotas: str) -> AsyncIterator[tuple[Litestar, httpx.AsyncClient]]:
    """A service over memory, with quotas by the rest of the names of their variables."""
    environ = {**MOCK, **{f"NINAI__QUOTAS__{name}": value for name, value in quotas.items()}}
    async with running_app(environ) as app, asgi_client(app) as http:
        yield app, http


def refused(response: httpx.Response) -> str:
    """What a refusal says, after checking its form."""
    problem = problem_in(response)
    assert (response.status_code, problem["type"]) == (403, "urn:ninai:problem:quota-exceeded"), problem
    return str(problem["detail"])


async def test_a_user_stores_up_to_its_quota_and_makes_room_by_deleting() -> None:
    """The last one that fits is taken, the next one is not; others are not concerned."""
    async with service(USER__MEMORIES="2") as (_, http):
        api = Api(http, "alice")
        first, second = await api.remember("tea"), await api.remember("coffee")
        over = await api.remember("cocoa")
        other = await Api(http, "bob").remember("tea")
        listed = await api.contents()
        deleted = await api.delete(first.json()["memory_id"])
        again = await api.remember("cocoa")
        metrics = (await http.get("/metrics")).text

    assert [first.status_code, second.status_code, other.status_code, deleted.status_code] == [200] * 4
    assert refused(over) == "this user may hold 2 memories, and this would be more: delete some first"
    assert sorted(listed) == ["coffee", "tea"]
    assert again.status_code == 200
    assert 'ninai_quota_refused_total{by="user",unit="memories"} 1.0' in metrics


async def test_bytes_are_those_of_texts_and_metadata() -> None:
    """Exactly as many as there is room for."""
    async with service(USER__BYTES="20") as (_, http):
        api = Api(http, "alice")
        fits = await api.remember("தேநீர்")  # 18 bytes
        over = await api.remember("tea")
        exact = await api.remember("xy")
        empty = await Api(http, "bob").remember("tea", {"much": "of it, in any case"})

    assert (fits.status_code, exact.status_code) == (200, 200)
    assert refused(over).startswith("this user may hold 20 bytes")
    assert refused(empty).startswith("this user may hold 20 bytes")


async def test_an_edit_that_shrinks_is_always_taken_and_one_that_grows_needs_room() -> None:
    """Also where the quota was lowered below what is held."""
    async with service(USER__BYTES="10") as (app, http):
        api = Api(http, "alice")
        memory_id = await api.stored("0123456789")
        same = await api.update(memory_id, content="9876543210")
        grown = await api.update(memory_id, content="0123456789+")
        labelled = await api.update(memory_id, session="one")
        app.state.quotas.configure(type(app.state.quotas.settings)(user=_bytes(5)))
        smaller = await api.update(memory_id, content="01234567")
        larger = await api.update(memory_id, content="012345678")

    assert [same.status_code, labelled.status_code, smaller.status_code] == [200] * 3
    assert refused(grown) == refused(larger).replace("hold 5", "hold 10")


def _bytes(number: int) -> QuotaSettings:
    return QuotaSettings(bytes=number)


async def test_a_batch_is_taken_item_by_item() -> None:
    """What fits is stored; the rest says why not, in its place."""
    async with service(USER__MEMORIES="3") as (_, http):
        api = Api(http, "alice")
        response = await api.remember_batch(*(f"fact {number}" for number in range(5)))
        results = response.json()["results"]
        whole = await api.remember_batch("one", "two")
        listed = await api.contents()

    assert response.status_code == 200
    problems = [result.get("problem", {}).get("type") for result in results]
    assert problems == [None] * 3 + ["urn:ninai:problem:quota-exceeded"] * 2, results
    assert all(result["problem"]["status"] == 403 for result in whole.json()["results"])
    assert sorted(listed) == ["fact 0", "fact 1", "fact 2"]


async def test_a_write_that_is_repeated_with_its_key_is_answered_as_before() -> None:
    """Although there is no room for another one: it is one memory, in a batch as well."""
    async with service(USER__MEMORIES="1") as (_, http):
        api = Api(http, "alice")
        body = {"content": "tea"}
        first = await api.request("POST", "/memory/remember", json=body, key="one")
        again = await api.request("POST", "/memory/remember", json=body, key="one")
        other = await api.request("POST", "/memory/remember", json=body, key="two")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["memory_id"] == again.json()["memory_id"]
    refused(other)


async def test_every_protocol_is_bounded_alike() -> None:
    """mem0's API with its status, a tool with an error that a model can read."""
    call = {"name": "add_memory", "arguments": {"content": "likes tea"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    async with service(USER__MEMORIES="0") as (_, http):
        through_mem0 = await http.post("/memories", json={"messages": "likes tea", "user_id": "alice", "infer": False})
        through_mcp = await http.post("/mcp/u/alice", json=message, headers=MCP)
        by_key = await Api(http, "alice").request("PUT", "/memory/keys/notes%2Ftea", json={"content": "tea"})
        found = await Api(http, "alice").recall("tea")

    assert through_mem0.status_code == 403, through_mem0.text
    assert through_mcp.json()["result"]["isError"]
    assert "may hold 0 memories" in through_mcp.json()["result"]["content"][0]["text"]
    refused(by_key)
    assert found.status_code == 200


async def test_some_users_may_hold_more_or_less_than_all() -> None:
    """Those that are named; what is not said of them is that of all."""
    quotas = {"USER__MEMORIES": "1", "USER__BYTES": "100", "USERS__ALICE__MEMORIES": "2", "USERS__BOB__BYTES": "2"}
    async with service(**quotas) as (_, http):
        taken = [(await Api(http, "alice").remember("tea")).status_code for _ in range(3)]
        bob = await Api(http, "bob").remember("tea")
        carol = [(await Api(http, "carol").remember("tea")).status_code for _ in range(2)]

    assert (taken, carol) == ([200, 200, 403], [200, 403])
    assert refused(bob).startswith("this user may hold 2 bytes")


async def test_a_tenant_is_bounded_by_all_its_users_together(tmp_path: Path) -> None:
    """Once it is counted; another tenant is not concerned, and deleting makes room."""
    keys = {name: new_key("test") for name in ("one", "other")}
    environ = {
        **two_providers(tmp_path),
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__TENANTS__ENABLED": "true",
        "NINAI__QUOTAS__TENANTS__ACME__MEMORIES": "2",
        **{f"NINAI__AUTH__KEYS__{name.upper()}__HASH": hash_key(key) for name, key in keys.items()},
        "NINAI__AUTH__KEYS__ONE__TENANT": "acme",
    }
    async with running_app(environ) as app, asgi_client(app) as http:
        await app.state.quotas.tenants.count(lambda: 1.0)

        def of(user: str, key: str = "one") -> Api:
            return Api(http, user, {"Authorization": f"Bearer {keys[key]}"})

        first, second = await of("alice").remember("tea"), await of("bob").remember("tea")
        over = await of("carol").remember("tea")
        other = [(await of("carol", "other").remember("tea")).status_code for _ in range(3)]
        await app.state.quotas.tenants.count(lambda: 1.0)
        counted = await of("carol").remember("tea")
        deleted = await of("alice").delete(first.json()["memory_id"])
        again = await of("carol").remember("tea")

    assert (first.status_code, second.status_code, deleted.status_code, again.status_code) == (200,) * 4
    assert refused(over) == "this tenant may hold 2 memories, and this would be more: delete some first"
    refused(counted)
    assert other == [200] * 3


async def test_tenants_are_counted_in_the_background() -> None:
    """From the start on, without anybody asking."""
    async with service(TENANT__MEMORIES="1", RECOUNT="1") as (_, http):
        await Api(http, "alice").remember("tea")

        async def is_bounded() -> bool:
            return (await Api(http, "bob").remember("tea")).status_code == 403

        await eventually(is_bounded)


async def test_what_cannot_be_counted_is_taken(tmp_path: Path) -> None:
    """What a user writes while no provider answers is durable all the same; a metric tells."""
    environ = {**two_providers(tmp_path), "NINAI__QUOTAS__USER__MEMORIES": "0"}
    async with running_app(environ) as app, asgi_client(app) as http:
        for name in ("a", "b"):
            await http.put(f"/admin/providers/{name}/breaker", json={"state": "open"})
        response = await Api(http, "alice").remember("tea")
        metrics = (await http.get("/metrics")).text

    assert response.status_code == 202, response.text
    assert 'ninai_quota_unknown_total{by="user"} 1.0' in metrics


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({"QUOTAS__USER__MEMORIES": "-1"}, "quotas.user.memories"),
        ({"QUOTAS__USER__BYTES": str(MOST_HELD + 1)}, "quotas.user.bytes"),
        ({"QUOTAS__RECOUNT": "0.5"}, "quotas.recount"),
        ({"QUOTAS__SHARE": "0"}, "quotas.share"),
    ],
)
async def test_settings_that_break_a_rule_are_refused(variables: Mapping[str, str], path: str) -> None:
    """The path is named."""
    with pytest.raises(ConfigError, match=path):
        async with running_app({**MOCK, **{f"NINAI__{name}": value for name, value in variables.items()}}):
            pass


async def test_the_largest_quota_may_be_set() -> None:
    """And bounds nobody."""
    async with service(USER__BYTES=str(MOST_HELD)) as (_, http):
        assert (await Api(http, "alice").remember("tea")).status_code == 200
