"""What requests leave in the audit, in every protocol, and what they do not."""

import asyncio
from pathlib import Path

from app.audit.entries import MAX_MEMORIES
from app.auth.keys import hash_key, new_key
from observability.notes import Deed
from tests.support.api import Api, asgi_client
from tests.support.audited import audited_app, entries, only_file
from tests.support.canary import CANARY, everything_about


async def test_every_operation_leaves_who_whose_which_memories_and_the_result(tmp_path: Path) -> None:
    """A remembered memory is found by its id in what was stored, read and deleted."""
    async with audited_app(tmp_path) as app, asgi_client(app) as http:
        api = Api(http, "alice")
        memory_id = (await api.remember("likes tea")).json()["memory_id"]
        await api.recall("tea")
        await api.delete(memory_id)
        await api.get(memory_id)

    stored, recalled, deleted, absent = entries(tmp_path)
    assert [one.user for entry in (stored, recalled, deleted, absent) for one in entry.owners] == ["alice"] * 4
    assert stored.deeds == [Deed("remember", "ok", 1)]
    assert recalled.deeds == [Deed("recall", "ok", 1)]
    assert deleted.deeds == [Deed("delete", "ok", 1)]
    assert absent.deeds == [Deed("get", "not_found", 0)]
    assert [stored.memories, recalled.memories, deleted.memories, absent.memories] == [[memory_id]] * 3 + [[]]
    assert (absent.route, absent.status, absent.caller) == ("/memory/memories/{memory_id}", 404, "anonymous")
    assert stored.client is not None


async def test_mem0_and_mcp_leave_the_same(tmp_path: Path) -> None:
    """The operation counts, not the protocol."""
    call = {"name": "search_memories", "arguments": {"query": "tea"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = {"Accept": "application/json, text/event-stream"}
    async with audited_app(tmp_path, NINAI__COMPAT__MEM0__ENABLED="true") as app, asgi_client(app) as http:
        added = await http.post("/memories", json={"messages": "likes tea", "user_id": "bob"})
        called = await http.post("/mcp/u/bob", json=message, headers=headers)

    assert (added.status_code, called.status_code) == (200, 200), called.text
    through_mem0, through_mcp = entries(tmp_path)
    assert [deed.operation for deed in through_mem0.deeds] == ["remember_many"]
    assert [deed.operation for deed in through_mcp.deeds] == ["recall"]
    assert through_mcp.memories == through_mem0.memories != []
    assert through_mcp.owners == through_mem0.owners != []


async def test_operators_and_refused_callers_are_in_it_and_many_alike_share_an_entry(tmp_path: Path) -> None:
    """A key that asks for another user, a hundred wrong keys, and an operator who lists users."""
    secret = new_key("test")
    environ = {
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__OPS__HASH": hash_key(secret),
        "NINAI__AUTH__KEYS__OPS__USER": "alice",
        "NINAI__AUTH__KEYS__OPS__SCOPES": '["memory", "admin"]',
    }
    wrong = {"Authorization": "Bearer nk_wrong"}
    async with audited_app(tmp_path, **environ) as app, asgi_client(app) as http:
        right = {"Authorization": f"Bearer {secret}"}
        await http.get("/admin/users", headers=right)
        await http.get("/memory/memories", headers={**right, "X-User-ID": "bob"})
        await asyncio.gather(*(http.get("/memory/memories", headers=wrong) for _ in range(20)))

    found = entries(tmp_path)
    operator, curious = found[:2]
    assert (operator.caller, operator.route, operator.status) == ("ops", "/admin/users", 200)
    assert (curious.caller, curious.refused, [owner.user for owner in curious.owners]) == ("ops", "user", ["bob"])
    assert sum(entry.times for entry in found[2:]) == 20
    assert {entry.refused for entry in found[2:]} == {"malformed"}
    assert len(found) < 12, "requests that ended alike share an entry"


async def test_a_request_that_concerns_very_many_memories_leaves_several_entries(tmp_path: Path) -> None:
    """So that every id is found, and no line is long."""
    items = [{"content": f"fact {number}"} for number in range(MAX_MEMORIES + 1)]
    async with audited_app(tmp_path) as app, asgi_client(app) as http:
        await Api(http, "alice").request("POST", "/memory/remember/batch", json={"memories": items})

    first, rest = entries(tmp_path)
    assert (len(first.memories), len(rest.memories)) == (MAX_MEMORIES, 1)
    assert first.request == rest.request
    assert first.deeds == [Deed("remember_many", "ok", MAX_MEMORIES + 1)]


async def test_no_text_of_a_memory_and_no_question_is_in_it(tmp_path: Path) -> None:
    """Whatever a request has in it, also where it is refused."""
    async with audited_app(tmp_path) as app, asgi_client(app) as http:
        await everything_about(Api(http, "alice"))

    written = only_file(tmp_path).read_bytes()
    assert b"/memory/recall" in written
    assert CANARY.encode() not in written


async def test_probes_and_pages_for_everybody_leave_nothing(tmp_path: Path) -> None:
    """What comes every few seconds would hide the rest."""
    async with audited_app(tmp_path) as app, asgi_client(app) as http:
        for path in ("/livez", "/readyz", "/metrics", "/docs"):
            await http.get(path)

    assert entries(tmp_path) == []
