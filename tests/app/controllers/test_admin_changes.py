"""The feed of all users for operators: from the journal, for as long as it knows what is done."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from msgspec.structs import replace

from app.controllers.feed import MAX_WAIT_SECONDS
from app.http.journal_cursors import MAX_JOURNAL_CURSOR_CHARS, JournalPlace, journal_cursor, journal_place
from providers.feed import MAX_FEED_LIMIT
from tests.support.api import Api, asgi_client, field_in, fresh_user, problem_in, running_app
from tests.support.chains import two_providers

CHANGES = "/admin/changes"


@pytest_asyncio.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Litestar]:
    """An application over `a` and `b`, with a journal: one for all tests, as each looks only at what it has changed."""
    async with running_app(two_providers(tmp_path_factory.mktemp("shared"))) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module")
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


async def test_changes_of_all_users_are_told(http: httpx.AsyncClient) -> None:
    """Each memory as it is now, with its user, in order; a deleted one without its text."""
    anna, bert = Api(http, fresh_user()), Api(http, fresh_user())
    now = await changes(http, after="now")
    kept, gone = await anna.stored("masala tea"), await bert.stored("green tea")
    await bert.delete(gone)
    await anna.update(kept, content="masala tea, no sugar")
    page = await changes(http, after=now["next"])

    assert now["changes"] == []
    assert page["changes"] == [
        {"change": "deleted", "user_id": bert.user, "memory_id": gone},
        {"change": "changed", "user_id": anna.user, "memory_id": kept, "memory": (await anna.get(kept)).json()},
    ]
    assert (await changes(http, after=page["next"]))["changes"] == []


async def test_pages_neither_repeat_nor_skip(tmp_path: Path) -> None:
    """In pages of two, from the very first change if none is named."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as http:
        await Api(http, fresh_user()).remember_batch("one", "two", "three", "four", "five")
        pages = [await changes(http, limit=2)]
        while pages[-1]["more"]:
            pages.append(await changes(http, after=pages[-1]["next"], limit=2))

    assert [len(page["changes"]) for page in pages] == [2, 2, 1]
    told = {change["memory"]["content"] for page in pages for change in page["changes"]}
    assert told == {"one", "two", "three", "four", "five"}


async def test_a_long_poll_ends_with_a_change(http: httpx.AsyncClient) -> None:
    """It has begun before the write."""
    now = await changes(http, after="now")
    waiting = asyncio.create_task(changes(http, after=now["next"], wait=MAX_WAIT_SECONDS))
    await asyncio.sleep(0)
    written = await Api(http, fresh_user()).stored("a change")

    assert [change["memory_id"] for change in (await waiting)["changes"]] == [written]


@pytest.mark.parametrize(
    ("field", "value"), [("epoch", "another"), ("seq", 10**9), ("at", 0.0)], ids=["another-journal", "ahead", "old"]
)
async def test_a_cursor_that_leads_nowhere_is_lost(
    app: Litestar, http: httpx.AsyncClient, field: str, value: str | float
) -> None:
    """Of another journal, of what has not happened, and of what the journal knows no more."""
    place = (await app.state.chain.journal.changes(None, 1)).position
    cursor = journal_cursor(app.state.cursors, JournalPlace(replace(place, **{field: value})))
    response = await http.get(CHANGES, params={"after": cursor})

    assert response.status_code == 409
    assert problem_in(response)["type"] == "urn:ninai:problem:cursor-lost"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"after": "nonsense"}, "after"),
        ({"after": "é"}, "after"),
        ({"after": "A" * MAX_JOURNAL_CURSOR_CHARS}, "after"),
        ({"after": "A" * (MAX_JOURNAL_CURSOR_CHARS + 1)}, "after"),
        ({"limit": 0}, "limit"),
        ({"limit": MAX_FEED_LIMIT + 1}, "limit"),
        ({"wait": -1}, "wait"),
        ({"wait": MAX_WAIT_SECONDS + 1}, "wait"),
        ({"cursor": "x"}, "cursor"),
    ],
)
async def test_what_breaks_a_rule_is_named(http: httpx.AsyncClient, params: dict[str, str | int], field: str) -> None:
    """422, with the parameter."""
    response = await http.get(CHANGES, params=params)

    assert (response.status_code, field_in(response)) == (422, field)


@pytest.mark.thorough
async def test_the_greatest_limit_is_taken(http: httpx.AsyncClient) -> None:
    """The other side of the bound."""
    assert (await changes(http, limit=MAX_FEED_LIMIT))["more"] is False


async def test_a_sealed_cursor_of_a_list_is_none_of_the_feed(http: httpx.AsyncClient) -> None:
    """Both are sealed with one secret."""
    api = Api(http, fresh_user())
    await api.remember_batch("one", "two", "three")
    listed = (await api.page(limit=1)).json()["next_cursor"]
    response = await http.get(CHANGES, params={"after": listed})

    assert (response.status_code, field_in(response)) == (422, "after")


async def test_a_sealed_text_of_another_kind_is_no_cursor_of_the_feed(app: Litestar, http: httpx.AsyncClient) -> None:
    """Also where it has the form of one."""
    place = journal_place(app.state.cursors, (await changes(http))["next"], "after").position
    sealed = {kind: app.state.cursors.sealed(msgspec.msgpack.encode((place, kind))) for kind in ("journal", "other")}
    answers = {kind: await http.get(CHANGES, params={"after": text}) for kind, text in sealed.items()}

    assert {kind: answer.status_code for kind, answer in answers.items()} == {"journal": 200, "other": 422}
    assert field_in(answers["other"]) == "after"


async def test_a_single_provider_without_a_journal_says_so(mock_api: Api) -> None:
    """With what to configure."""
    response = await mock_api.http.get(CHANGES)

    assert response.status_code == 404
    assert problem_in(response)["type"] == "urn:ninai:problem:no-journal"
    assert "journal.kind" in problem_in(response)["detail"]
