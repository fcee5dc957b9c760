"""Every memory tells who wrote it last, with which key, when, and what its text comes from, whatever the protocol."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.auth.keys import hash_key, new_key
from tests.support.api import Api, asgi_client, field_in, running_app

_KEYS = {name: new_key(name) for name in ("agent", "other")}
_LINES = {"Content-Type": "application/x-ndjson"}
_MCP = {"Accept": "application/json, text/event-stream"}


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with two keys."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key", "NINAI__COMPAT__MEM0__ENABLED": "true"}
    for name, key in _KEYS.items():
        environ[f"NINAI__AUTH__KEYS__{name.upper()}__HASH"] = hash_key(key)
        environ[f"NINAI__AUTH__KEYS__{name.upper()}__SCOPES"] = '["memory", "admin"]'
    async with running_app(environ) as app, asgi_client(app) as client:
        yield client


def caller(http: httpx.AsyncClient, name: str) -> Api:
    """A caller with one of the keys, for one user."""
    return Api(http, "alice", {"Authorization": f"Bearer {_KEYS[name]}"})


async def source_of(api: Api, memory_id: str) -> tuple[Any, ...]:
    """Return caller, key and origin of a memory, having checked its moment."""
    source = (await api.get(memory_id)).json()["source"]
    assert abs(datetime.fromisoformat(source["at"]) - datetime.now(UTC)) < timedelta(minutes=5)
    return source["caller"], source["key"], source["origin"]


def problems_of(batch: httpx.Response) -> list[dict[str, Any]]:
    """The problems of the items of a batch, each of which has one."""
    return [result["problem"] for result in batch.json()["results"]]


async def test_every_way_to_write_notes_its_source(http: httpx.AsyncClient) -> None:
    """Alone, in a batch, under a key, by messages, by an import and in other protocols; the caller says the origin."""
    api = caller(http, "agent")
    line: dict[str, Any] = {
        "kind": "memory",
        "id": "018f0000-0000-7000-8000-000000000001",
        "content": "f",
        "created_at": "2026-01-01T00:00Z",
    }
    line |= {
        "created_at": "2026-01-01T00:00:00Z",
        "source": {"origin": "user", "caller": "root", "key": "root", "at": None},
    }
    tool = {"name": "add_memory", "arguments": {"content": "g", "origin": "assistant"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool}
    messages = [{"role": role, "content": role} for role in ("user", "assistant", "tool", "system")]

    answers = [
        await api.remember("a"),
        await api.request("POST", "/memory/remember", json={"content": "b", "origin": "document"}),
        await api.request("POST", "/memory/remember/batch", json={"memories": [{"content": "c", "origin": "tool"}]}),
        await api.request("PUT", "/memory/keys/d", json={"content": "d", "origin": "assistant"}),
        await api.request("POST", "/memory/remember", json={"messages": messages}),
        await api.request("POST", "/memory/import", content=json.dumps(line) + "\n", headers=_LINES),
        await api.request("POST", "/mcp/u/alice", json=call, headers=_MCP),
        await api.request(
            "POST", "/memories", json={"messages": [{"role": "assistant", "content": "h"}], "user_id": "alice"}
        ),
    ]
    memories = (await api.page(order="oldest")).json()["memories"]

    assert [answer.status_code for answer in answers] == 8 * [200]
    sources = {memory["content"]: memory["source"] for memory in memories}
    assert {source["caller"] for source in sources.values()} == {"agent"}
    assert {source["key"] for source in sources.values()} == {"agent"}
    assert {content: source["origin"] for content, source in sources.items()} == {
        "a": "user",
        "b": "document",
        "c": "tool",
        "d": "assistant",
        "user": "user",
        "assistant": "assistant",
        "tool": "tool",
        "system": "user",
        "f": "import",
        "g": "assistant",
        "h": "assistant",
    }


async def test_whoever_changes_a_memory_is_its_source(http: httpx.AsyncClient) -> None:
    """By an edit, by a key and by a new name for that."""
    agent, other = caller(http, "agent"), caller(http, "other")
    memory_id = (await agent.request("PUT", "/memory/keys/tea", json={"content": "tea"})).json()["memory_id"]
    before = await source_of(agent, memory_id)

    await other.update(memory_id, content="green tea", origin="tool")
    edited = await source_of(agent, memory_id)
    await agent.request("PUT", "/memory/keys/tea", json={"content": "tea"})
    put = await source_of(agent, memory_id)
    await other.request("POST", "/memory/keys/rename", json={"from_key": "tea", "to_key": "drinks"})

    assert (before, edited, put) == (("agent", "agent", "user"), ("other", "other", "tool"), ("agent", "agent", "user"))
    assert await source_of(agent, memory_id) == ("other", "other", "user")


async def test_the_origin_of_imports_is_the_importer_s(http: httpx.AsyncClient) -> None:
    """No other writer may say it; whoever reads may ask for it."""
    api = caller(http, "agent")
    memory_id = (await api.remember("tea")).json()["memory_id"]
    said = {"content": "milk", "origin": "import"}
    alone = [
        await api.request("POST", "/memory/remember", json=said),
        await api.request("POST", "/memory/remember", json={"messages": [{"role": "user", "content": "a"}]} | said),
        await api.request("PUT", "/memory/keys/tea", json=said),
        await api.request("POST", "/memory/keys/put", json=said | {"key": "tea"}),
        await api.request("PATCH", f"/memory/memories/{memory_id}", json=said),
    ]
    batches = [
        await api.request("POST", "/memory/remember/batch", json={"memories": [said]}),
        await api.request("POST", "/memory/update/batch", json={"changes": [said | {"memory_id": memory_id}]}),
    ]

    assert [(one.status_code, field_in(one)) for one in alone] == 5 * [(422, "origin")]
    assert {problem["errors"][0]["field"] for one in batches for problem in problems_of(one)} == {"origin"}
    assert await api.contents() == ["tea"]
    assert (await api.page(origin="import")).json()["memories"] == []
    told = await api.request("POST", "/memory/list", json={"origin": "import"})
    assert (told.status_code, told.json()["memories"]) == (200, [])


async def test_an_origin_is_that_of_a_change(http: httpx.AsyncClient) -> None:
    """One of nothing is refused, alone and in a batch; beside any change it is noted."""
    api = caller(http, "agent")
    memory_id = (await api.remember("tea")).json()["memory_id"]
    alone = await api.update(memory_id, origin="tool")
    batch = await api.request(
        "POST", "/memory/update/batch", json={"changes": [{"memory_id": memory_id, "origin": "user"}]}
    )
    unchanged = await source_of(api, memory_id)
    changed = [
        await api.update(memory_id, origin=origin, **change)
        for origin, change in (("tool", {"agent": None}), ("document", {"ttl_seconds": 60}), ("user", {"content": "t"}))
    ]

    assert (alone.status_code, field_in(alone)) == (422, "origin")
    assert [problem["status"] for problem in problems_of(batch)] == [422]
    assert unchanged == ("agent", "agent", "user")
    assert [one.json()["source"]["origin"] for one in changed] == ["tool", "document", "user"]
    assert (await api.update(memory_id)).status_code == 200


async def test_a_retry_with_another_origin_is_the_same_write(http: httpx.AsyncClient) -> None:
    """The source of the first one stays."""
    api = caller(http, "agent")
    first = await api.request("POST", "/memory/remember", key="1", json={"content": "tea", "origin": "tool"})
    again = await api.request("POST", "/memory/remember", key="1", json={"content": "tea"})

    assert again.json() == first.json()
    assert await source_of(api, first.json()["memory_id"]) == ("agent", "agent", "tool")


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"origin": "tool"}, {"black tea"}),
        ({"source_key": "other"}, {"white tea"}),
        ({"source_caller": "agent"}, {"green tea", "black tea"}),
        ({"source_caller": "agent", "origin": "user"}, {"green tea"}),
    ],
)
async def test_lists_recalls_exports_and_deletions_are_narrowed_by_sources(
    http: httpx.AsyncClient, conditions: dict[str, str], expected: set[str]
) -> None:
    """By the same three conditions everywhere."""
    api = caller(http, "agent")
    await api.remember("green tea")
    await api.request("POST", "/memory/remember", json={"content": "black tea", "origin": "tool"})
    await caller(http, "other").remember("white tea")

    listed = await api.page(**conditions)
    queried = await api.request("POST", "/memory/list", json=conditions)
    recalled = await api.recalled("which tea", **conditions)
    exported = await api.request("GET", "/memory/export", params=conditions)
    deleted = await api.request("DELETE", "/memory/memories", params={"confirm": "matching", **conditions})

    lines = [json.loads(line) for line in exported.text.splitlines()]
    assert {memory["content"] for memory in listed.json()["memories"]} == expected
    assert {memory["content"] for memory in queried.json()["memories"]} == expected
    assert set(recalled) == expected
    assert {line["content"] for line in lines if line["kind"] == "memory"} == expected
    assert deleted.json()["deleted"] == len(expected)
    assert set(await api.contents()) == {"green tea", "black tea", "white tea"} - expected


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/memory/remember", {"content": "a", "origin": "rumour"}, "origin"),
        ("/memory/list", {"origin": "rumour"}, "origin"),
        ("/memory/list", {"source_key": ""}, "source_key"),
        ("/memory/list", {"source_caller": 256 * "c"}, "source_caller"),
    ],
)
async def test_what_is_no_source_is_refused(http: httpx.AsyncClient, path: str, body: object, field: str) -> None:
    """With the field that is wrong."""
    response = await caller(http, "agent").request("POST", path, json=body)

    assert response.status_code in {400, 422}
    assert field_in(response) == field
