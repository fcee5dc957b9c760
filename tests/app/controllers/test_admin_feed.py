"""The feed of all users as events, what it tells of quarantines, and what the audit says of who read it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

from app.audit.entries import AuditEntry
from app.http.event_stream import EVENT_STREAM
from tests.support.api import Api, asgi_client, field_in, fresh_user, running_app
from tests.support.chains import two_providers
from tests.support.following import eventually

CHANGES = "/admin/changes"
EVENTS = {"Accept": EVENT_STREAM}


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """An application over `a` and `b`, with a journal and an audit."""
    environ = {**two_providers(tmp_path), "NINAI__DATA_DIR": str(tmp_path), "NINAI__AUDIT__ENABLED": "true"}
    async with running_app(environ) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of it."""
    async with asgi_client(app) as client:
        yield client


async def changes(http: httpx.AsyncClient, **params: str | int) -> dict[str, Any]:
    """Ask for changes."""
    response = await http.get(CHANGES, params=params)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def quarantined(http: httpx.AsyncClient, user: str) -> str:
    """Hide what anybody has written for a user, and return the id of the quarantine."""
    rule = {"caller": "anonymous", "since": "2026-01-01T00:00:00Z", "user": user}
    return str((await http.post("/admin/quarantines", json=rule)).json()["id"])


def events_in(text: str) -> list[dict[str, str]]:
    """Return the fields of each block of a stream; a comment is a field without a name."""
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.strip().split("\n\n")]


async def test_what_is_in_quarantine_has_no_text(http: httpx.AsyncClient) -> None:
    """It is marked, others are told whole, and so is everything once the quarantine is lifted."""
    anna, bert = Api(http, fresh_user()), Api(http, fresh_user())
    hidden, shown = await anna.stored("poisoned tea"), await bert.stored("green tea")
    quarantine = await quarantined(http, anna.user)

    page = await changes(http)
    await http.delete(f"/admin/quarantines/{quarantine}")
    lifted = await changes(http)

    assert page["changes"][0] == {
        "change": "quarantined",
        "user_id": anna.user,
        "memory_id": hidden,
        "quarantine": quarantine,
    }
    assert (page["changes"][1]["memory_id"], page["changes"][1]["memory"]["content"]) == (shown, "green tea")
    assert page["quarantines"] == [quarantine]
    assert ([one["change"] for one in lifted["changes"]], lifted["quarantines"]) == (["put", "put"], [])


async def test_a_wait_ends_when_a_quarantine_hides_and_shows_again(http: httpx.AsyncClient) -> None:
    """Nothing has changed in the journal, so that the list of those in force is what tells it, once."""
    now = await changes(http, after="now")
    waiting = asyncio.create_task(changes(http, after=now["next"], wait=60))
    await asyncio.sleep(0)
    quarantine = await quarantined(http, fresh_user())
    hides = await waiting
    again = await changes(http, after=hides["next"])
    await http.delete(f"/admin/quarantines/{quarantine}")
    shows = await changes(http, after=hides["next"], wait=60)

    assert (hides["changes"], hides["quarantines"], again["quarantines"]) == ([], [quarantine], [quarantine])
    assert (shows["changes"], shows["quarantines"]) == ([], [])


async def test_changes_of_all_users_as_events(app: Litestar, http: httpx.AsyncClient) -> None:
    """Each with a cursor, and the quarantines in force; a stream goes on behind the last event that was read."""
    anna, bert = Api(http, fresh_user()), Api(http, fresh_user())
    first, second = await anna.stored("masala tea"), await bert.stored("green tea")
    quarantine = await quarantined(http, bert.user)
    app.state.readiness.drain()  # so that the stream ends after what there is

    response = await http.get(CHANGES, headers=EVENTS)
    retry, put, hidden, rules, behind = events_in(response.text)
    rest = events_in((await http.get(CHANGES, headers={**EVENTS, "Last-Event-ID": put["id"]})).text)
    quiet = events_in((await http.get(CHANGES, headers={**EVENTS, "Last-Event-ID": rules["id"]})).text)

    assert response.headers["content-type"].startswith(EVENT_STREAM)
    assert (retry, put["event"], hidden["event"]) == ({"retry": "1000"}, "put", "quarantined")
    assert [msgspec.json.decode(one["data"])["memory_id"] for one in (put, hidden)] == [first, second]
    assert (rules["event"], msgspec.json.decode(rules["data"])) == ("quarantines", {"quarantines": [quarantine]})
    assert [one.get("event") for one in rest] == [None, "quarantined", "quarantines", None]
    assert [one.get("event") for one in quiet] == [None, None]
    assert (behind[""], behind["id"]) == ("alive", rules["id"])
    assert "green tea" not in response.text


@pytest.mark.parametrize(
    ("params", "headers", "field"),
    [({"wait": 1}, {}, "wait"), ({}, {"Last-Event-ID": "nonsense"}, "Last-Event-ID")],
)
async def test_a_stream_takes_no_wait(
    http: httpx.AsyncClient, params: dict[str, int], headers: dict[str, str], field: str
) -> None:
    """It waits by itself; and its cursor is one of this feed."""
    response = await http.get(CHANGES, params=params, headers=EVENTS | headers)

    assert (response.status_code, field_in(response)) == (422, field)


async def test_the_audit_tells_whose_memories_were_shown(
    app: Litestar, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """An entry for each user of each page, as JSON and as events, with who asked; without a word of the text."""
    anna, bert = Api(http, fresh_user()), Api(http, fresh_user())
    stored = {anna.user: [await anna.stored("masala tea"), await anna.stored("coffee")]}
    stored[bert.user] = [await bert.stored("green tea")]
    await changes(http)
    app.state.readiness.drain()
    await http.get(CHANGES, headers=EVENTS)

    def entries() -> list[AuditEntry]:
        lines = [line for file in (tmp_path / "audit").rglob("*.jsonl") for line in file.read_bytes().splitlines()]
        told = [msgspec.json.decode(line, type=AuditEntry) for line in lines]
        return [one for one in told if one.deeds and one.deeds[0].operation == "feed"]

    async def written() -> bool:
        return len(entries()) >= 4

    await eventually(written)
    assert [(one.owners[0].user, one.memories, one.deeds[0].count) for one in entries()] == [
        (user, ids, len(ids)) for user, ids in [*stored.items(), *stored.items()]
    ]
    assert {(one.caller, one.route, one.status) for one in entries()} == {("anonymous", CHANGES, 200)}
    assert len({one.request for one in entries()}) == 2
