"""Rules of retention are shown before they apply, and leave a metric and an entry in the audit when they do."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.settings import load
from app.settings.errors import ConfigError
from providers.chain.expiring.rules import MAX_KEEP_DAYS, MAX_RULES
from providers.owners import Owner
from providers.types import NewMemory
from tests.support.api import asgi_client, field_in, running_app
from tests.support.audited import entries
from tests.support.following import eventually

RULES = json.dumps(
    [{"name": "chats", "keep_days": 30, "session": "chat"}, {"name": "all", "keep_days": 1000, "origin": "user"}]
)
SECRET_TEXT = "nobody reads this in a plan"


def old(days: float, session: str | None = None) -> NewMemory:
    """A memory that was created so many days ago."""
    created = datetime.now(UTC) - timedelta(days=days)
    return NewMemory(owner=Owner("alice"), content=SECRET_TEXT, created_at=created, session=session)


async def test_a_plan_shows_what_would_be_erased_and_erases_nothing() -> None:
    """Counts and ids, and no text."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__RETENTION__RULES": RULES}
    async with running_app(environ) as app, asgi_client(app) as http:
        due = (await app.state.provider.store(old(31, session="chat"))).id
        await app.state.provider.store(old(29, session="chat"))
        response = await http.get("/admin/retention/plan")
        plan = response.json()
        listed = (await http.get("/memory/memories", headers={"X-User-ID": "alice"})).json()["count"]
        refused = await http.get("/admin/retention/plan", params={"after": "*"})

    assert response.status_code == 200, response.text
    chats, everything = plan["rules"]
    assert (chats["due"], chats["users"], everything["due"]) == (1, 1, 0)
    assert [(one["memory_id"], one["user_id"]) for one in chats["oldest"]] == [(due, "alice")]
    assert (plan["apply"], plan["next_after"], listed) == (False, None, 2)
    assert SECRET_TEXT not in response.text
    assert (refused.status_code, field_in(refused)) == (422, "after")


async def test_rules_that_apply_erase_and_say_so(tmp_path: Path) -> None:
    """In a metric and in the audit, as whoever did it."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUDIT__PATH": str(tmp_path),
        "NINAI__AUDIT__ENABLED": "true",
        "NINAI__RETENTION__RULES": RULES,
        "NINAI__RETENTION__APPLY": "true",
        "NINAI__CHAIN__EXPIRY__EVERY": "1",
    }
    async with running_app(environ) as app, asgi_client(app) as http:
        due = (await app.state.provider.store(old(31, session="chat"))).id
        kept = (await app.state.provider.store(old(29, session="chat"))).id

        async def is_erased() -> bool:
            return await listed(http) == [kept]

        await eventually(is_erased)
        metrics = (await http.get("/metrics")).text

    assert 'ninai_retention_erased_total{rule="chats"} 1.0' in metrics
    [erased] = [entry for entry in entries(tmp_path) if entry.caller == "rule:chats"]
    assert (erased.memories, [one.user for one in erased.owners]) == ([due], ["alice"])
    assert [(deed.operation, deed.outcome, deed.count) for deed in erased.deeds] == [("delete", "ok", 1)]


async def listed(http: httpx.AsyncClient) -> list[str]:
    """The ids of alice's memories."""
    response = await http.get("/memory/memories", headers={"X-User-ID": "alice"})
    return [memory["id"] for memory in response.json()["memories"]]


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ([{"name": "a", "keep_days": 0}], "keep_days"),
        ([{"name": "a", "keep_days": MAX_KEEP_DAYS + 1}], "keep_days"),
        ([{"name": "No Name", "keep_days": 1}], "name"),
        ([{"keep_days": 1}], "name"),
        ([{"name": "a", "keep_days": 1, "session": ""}], "session"),
        ([{"name": "a", "keep_days": 1, "speaker": "x"}], "speaker"),
        ([{"name": "a", "keep_days": 1, "origin": "tools"}], "origin"),
        ([{"name": "a", "keep_days": 1}] * 2, "different names"),
        ([{"name": f"a{number}", "keep_days": 1} for number in range(MAX_RULES + 1)], str(MAX_RULES)),
    ],
)
def test_rules_that_cannot_be_are_refused(rules: list[dict[str, object]], path: str) -> None:
    """The path is named."""
    with pytest.raises(ConfigError, match=path):
        load(None, environ={"NINAI__RETENTION__RULES": json.dumps(rules)})


def test_as_many_rules_as_there_may_be_are_taken_with_the_longest_time() -> None:
    """At both bounds."""
    rules = [{"name": f"a{number}", "keep_days": MAX_KEEP_DAYS} for number in range(MAX_RULES)]

    loaded = load(None, environ={"NINAI__RETENTION__RULES": json.dumps(rules)})

    assert len(loaded.settings.retention.rules) == MAX_RULES
    assert loaded.settings.retention.in_force == ()
