"""Who may look at the memories of others, and what that leaves in the audit."""

from pathlib import Path

import pytest

from app.auth.keys import hash_key
from observability.notes import Deed
from tests.support.api import Api, asgi_client
from tests.support.audited import audited_app, entries
from tests.support.pages import Visitor

pytestmark = pytest.mark.thorough

KEYS = {name: f"ninai_{name}_looks" for name in ("plain", "ops", "looks", "takes")}
SCOPES = {
    "plain": "memory",
    "ops": "admin",
    "looks": '["admin", "admin:memories"]',
    "takes": '["admin", "admin:memories", "memory:export", "memory:delete"]',
}
GUARDED = {
    "NINAI__AUTH__MODE": "api_key",
    **{f"NINAI__AUTH__KEYS__{name.upper()}__HASH": hash_key(key) for name, key in KEYS.items()},
    **{f"NINAI__AUTH__KEYS__{name.upper()}__SCOPES": scopes for name, scopes in SCOPES.items()},
}
ALICE = "/console/{}?user=alice"


async def test_reading_others_needs_a_scope_that_operators_do_not_have_by_themselves(tmp_path: Path) -> None:
    """Nor does a page lead there; exports and deletions ask for theirs as well."""
    found: dict[str, list[int]] = {}
    links = {}
    async with audited_app(tmp_path, **GUARDED) as app, asgi_client(app) as http:
        agent = Api(http, "alice", {"Authorization": f"Bearer {KEYS['plain']}"})
        memory_id = await agent.stored("likes tea")
        paths = ["/console/users", ALICE.format("memories"), f"{ALICE.format('memory')}&id={memory_id}"]
        paths += [ALICE.format("export"), f"{ALICE.format('forget')}&id={memory_id}"]
        for name in ("ops", "looks", "takes"):
            headers = {"Authorization": f"Bearer {KEYS[name]}"}
            found[name] = [(await http.get(path, headers=headers)).status_code for path in paths]
            links[name] = "/console/users" in (await http.get("/console", headers=headers)).text
        shown = (await http.get(paths[1], headers={"Authorization": f"Bearer {KEYS['looks']}"})).text

    assert found == {"ops": [403] * 5, "looks": [200, 200, 200, 403, 403], "takes": [200] * 5}
    assert links == {"ops": False, "looks": True, "takes": True}
    assert "/console/export" not in shown


async def test_what_an_operator_looks_at_is_in_the_audit(tmp_path: Path) -> None:
    """By name, with whose memories and which ones, also through a session, and also what was refused."""
    async with audited_app(tmp_path, **GUARDED) as app, asgi_client(app) as http:
        memory_id = await Api(http, "alice", {"Authorization": f"Bearer {KEYS['plain']}"}).stored("likes tea")
        visitor = Visitor(http)
        await visitor.log_in(KEYS["takes"])
        await visitor.look(ALICE.format("memories"))
        await visitor.look(ALICE.format("memories"), params={"user": "alice", "query": "tea"})
        await visitor.look(f"{ALICE.format('memory')}&id={memory_id}")
        asked = await visitor.look(f"{ALICE.format('forget')}&id={memory_id}")
        await http.get(ALICE.format("export"))
        await visitor.send(asked.form("/console/forget"))
        await visitor.look(f"{ALICE.format('memory')}&id={memory_id}")
        http.cookies.clear()
        await http.get(ALICE.format("export"), headers={"Authorization": f"Bearer {KEYS['ops']}"})

    seen = [one for one in entries(tmp_path) if one.caller == "takes" and one.owners]
    by_route = {one.route: one for one in seen}
    assert {owner.user for one in seen for owner in one.owners} == {"alice"}
    assert [one.route for one in seen][:4] == ["/console/memories"] * 2 + ["/console/memory", "/console/forget"]
    assert [deed.operation for one in seen[:3] for deed in one.deeds] == ["list_memories", "recall", "get", "places"]
    assert all(one.memories == [memory_id] for one in seen[:3])
    assert by_route["/console/export"].memories == [memory_id]
    forgotten = next(one for one in seen if one.method == "POST")
    assert (forgotten.deeds, forgotten.memories) == ([Deed("delete", "ok", 1)], [memory_id])
    assert seen[-1].memories == [memory_id], "where a deleted memory is was asked for as well"
    refused = [one for one in entries(tmp_path) if one.caller == "ops"]
    assert [one.refused for one in refused if one.route == "/console/export"] == ["scope"]


async def test_an_operator_takes_nothing_of_what_a_user_may_ask(tmp_path: Path) -> None:
    """Nor is an operator refused because the user has asked too much."""
    limited = {"NINAI__LIMITS__USER__REQUESTS": "2"}
    async with audited_app(tmp_path, **GUARDED, **limited) as app, asgi_client(app) as http:
        agent = Api(http, "alice", {"Authorization": f"Bearer {KEYS['plain']}"})
        looks = {"Authorization": f"Bearer {KEYS['looks']}"}
        await agent.stored("likes tea")
        for _ in range(3):
            assert (await http.get(ALICE.format("memories"), headers=looks)).status_code == 200
        asked = [(await agent.page()).status_code for _ in range(2)]
        seen = await http.get(ALICE.format("memories"), headers=looks)

    assert asked == [200, 429]
    assert seen.status_code == 200


@pytest.mark.parametrize("path", ["memories", "export", "memory", "forget"])
async def test_a_visitor_without_a_key_is_asked_for_one(path: str, tmp_path: Path) -> None:
    """On every page of it."""
    async with audited_app(tmp_path, **GUARDED) as app, asgi_client(app) as http:
        page = await Visitor(http).look(ALICE.format(path))

    assert page.status == 401
    assert page.form("/console/login").method == "post"
