"""The feed of a user's changes over HTTP: everything and then what comes, in order, and never for another user."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.controllers.feed import MAX_WAIT_SECONDS
from app.http.cursors import Cursors
from app.http.feed_cursors import MAX_FEED_CURSOR_CHARS, feed_cursor
from providers.feed import MAX_FEED_LIMIT, FeedPosition
from providers.owners import Owner
from tests.support.api import Api, asgi_client, field_in, fresh_user, problem_in, running_app
from tests.support.native import open_native_provider

CHANGES = "/memory/changes"
EVENTS = {"Accept": "text/event-stream"}


async def changes(api: Api, **params: str | int) -> dict[str, Any]:
    """Ask for changes."""
    response = await api.request("GET", CHANGES, params=params)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def told_until_quiet(api: Api, after: str, wanted: int) -> tuple[list[dict[str, Any]], str]:
    """Follow a feed until so many changes came: transactions of other tests may hold it up for a moment."""
    found: list[dict[str, Any]] = []
    while len(found) < wanted:
        page = await changes(api, after=after, wait=MAX_WAIT_SECONDS)
        found, after = found + page["changes"], page["next"]
    return found, after


async def test_a_feed_tells_everything_and_goes_on(either: Api) -> None:
    """From the beginning without a cursor, then what comes; the latest state, and a deletion without its text."""
    kept, gone = await either.stored("masala tea"), await either.stored("green tea")
    first, after = await told_until_quiet(either, "0", 2)
    await either.update(kept, content="masala tea, no sugar")
    await either.delete(gone)
    then, after = await told_until_quiet(either, after, 2)

    assert [(one["change"], one["memory_id"], one["memory"]["content"]) for one in first] == [
        ("put", kept, "masala tea"),
        ("put", gone, "green tea"),
    ]
    assert then == [
        {"change": "changed", "memory_id": kept, "memory": (await either.get(kept)).json()},
        {"change": "deleted", "memory_id": gone},
    ]
    assert (await changes(either, after=after))["changes"] == []


async def test_pages_neither_repeat_nor_skip(either: Api) -> None:
    """A batch, which is one change of the store, in pages of two."""
    await either.remember_batch("one", "two", "three", "four", "five")
    await told_until_quiet(either, "0", 5)
    pages = [await changes(either, limit=2)]
    while pages[-1]["more"]:
        pages.append(await changes(either, after=pages[-1]["next"], limit=2))

    assert [len(page["changes"]) for page in pages] == [2, 2, 1]
    told = {change["memory"]["content"] for page in pages for change in page["changes"]}
    assert told == {"one", "two", "three", "four", "five"}


async def test_now_leaves_out_what_was(either: Api) -> None:
    """And tells what comes."""
    await either.stored("before")
    await told_until_quiet(either, "0", 1)
    now = await changes(either, after="now")
    await either.stored("after")
    told, _ = await told_until_quiet(either, now["next"], 1)

    assert now["changes"] == []
    assert [change["memory"]["content"] for change in told] == ["after"]


async def test_a_long_poll_ends_with_a_change(either: Api) -> None:
    """It has begun before the write."""
    now = await changes(either, after="now")
    waiting = asyncio.create_task(changes(either, after=now["next"], wait=MAX_WAIT_SECONDS))
    await asyncio.sleep(0)
    written = await either.stored("a change")

    assert [change["memory_id"] for change in (await waiting)["changes"]] == [written]


async def test_a_long_poll_ends_with_what_another_process_writes(database: str) -> None:
    """Nothing in this process tells it; it looks again and again."""
    async with (
        running_app({"DATABASE_URL": database}) as app,
        asgi_client(app) as http,
        open_native_provider(database) as elsewhere,
    ):
        api = Api(http, fresh_user())
        now = await changes(api, after="now")
        waiting = asyncio.create_task(changes(api, after=now["next"], wait=MAX_WAIT_SECONDS))
        written = await elsewhere.remember(api.user, "a change")
        told = await waiting

    assert [change["memory_id"] for change in told["changes"]] == [written]


async def test_a_caller_in_a_hurry_is_not_kept_waiting(mock_api: Api) -> None:
    """The time that it grants to the request bounds the wait."""
    params = {"after": "now", "wait": MAX_WAIT_SECONDS}
    response = await mock_api.request("GET", CHANGES, params=params, headers={"X-Request-Timeout-Ms": "300"})

    assert (response.status_code, response.json()["changes"]) == (200, [])


async def test_users_have_feeds_of_their_own(either: Api) -> None:
    """Neither does one see the changes of another, nor does its cursor lead there."""
    await either.stored("mine")
    page = await changes(either)
    stranger = either.stranger()

    assert (await changes(stranger))["changes"] == []
    response = await stranger.request("GET", CHANGES, params={"after": page["next"]})
    assert (response.status_code, field_in(response)) == (422, "after")
    assert "begin again without it" in problem_in(response)["detail"]


def cursors_of(api: Api) -> Cursors:
    """Return what seals the cursors of the service that a client talks to."""
    transport: Any = api.http._transport  # noqa: SLF001 - httpx tells it nobody
    cursors: Cursors = transport.app.state.cursors
    return cursors


@pytest.mark.parametrize(
    "position",
    [FeedPosition("another epoch", 0), FeedPosition("another epoch", 2**63 - 1)],
    ids=["another-epoch", "far-ahead"],
)
async def test_a_cursor_of_another_history_is_lost(either: Api, position: FeedPosition) -> None:
    """The client begins again."""
    mine = (await either.request("GET", CHANGES)).headers["memory-provider"]
    cursor = feed_cursor(cursors_of(either), Owner(either.user), mine, position)
    response = await either.request("GET", CHANGES, params={"after": cursor})

    assert response.status_code == 409
    assert problem_in(response)["type"] == "urn:ninai:problem:cursor-lost"


async def test_a_cursor_from_before_an_erasure_is_lost(either: Api) -> None:
    """No deletion tells of what left no trace, so the client begins again, and finds what is there now."""
    await either.remember_batch("tea", "milk")
    _, end = await told_until_quiet(either, "0", 2)
    middle = (await changes(either, limit=1))["next"]
    erased = await either.request("DELETE", "/memory/memories", params={"confirm": "everything", "erase": "true"})
    await either.stored("juice")

    assert erased.status_code == 200
    for cursor in (middle, end):
        response = await either.request("GET", CHANGES, params={"after": cursor})
        assert response.status_code == 409
        assert problem_in(response)["type"] == "urn:ninai:problem:cursor-lost"
        assert "erased" in problem_in(response)["detail"]
    again, _ = await told_until_quiet(either, "0", 1)
    assert [change["memory"]["content"] for change in again] == ["juice"]


async def test_a_cursor_of_another_provider_is_lost(mock_api: Api) -> None:
    """Each numbers changes in its own way."""
    cursor = feed_cursor(cursors_of(mock_api), Owner(mock_api.user), "another", FeedPosition("e", 1))
    response = await mock_api.request("GET", CHANGES, params={"after": cursor})

    assert response.status_code == 409
    assert "another" in problem_in(response)["detail"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"after": "nonsense"}, "after"),
        ({"after": "é"}, "after"),
        ({"after": "A" * MAX_FEED_CURSOR_CHARS}, "after"),
        ({"after": "A" * (MAX_FEED_CURSOR_CHARS + 1)}, "after"),
        ({"after": feed_cursor(Cursors(b"of another service"), Owner("x"), "mock", FeedPosition("e", 1))}, "after"),
        ({"limit": 0}, "limit"),
        ({"limit": MAX_FEED_LIMIT + 1}, "limit"),
        ({"wait": -1}, "wait"),
        ({"wait": MAX_WAIT_SECONDS + 1}, "wait"),
        ({"cursor": "x"}, "cursor"),
    ],
)
async def test_what_breaks_a_rule_is_named(mock_api: Api, params: dict[str, str | int], field: str) -> None:
    """422, with the parameter."""
    response = await mock_api.request("GET", CHANGES, params=params)

    assert (response.status_code, field_in(response)) == (422, field)


async def test_no_cursor_can_be_forged(mock_api: Api) -> None:
    """Whichever character of one is another, it is none; neither is one whose place there cannot be."""
    cursor = (await changes(mock_api))["next"]
    forged = [
        cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(0, len(cursor) - 1, 3)
    ]
    impossible = [FeedPosition("e", -1), FeedPosition("e", 1, "no id")]
    forged += [feed_cursor(cursors_of(mock_api), Owner(mock_api.user), "mock", place) for place in impossible]

    answers = [await mock_api.request("GET", CHANGES, params={"after": one}) for one in forged]
    assert {(answer.status_code, field_in(answer)) for answer in answers} == {(422, "after")}
    assert all("another installation: begin again without it" in problem_in(answer)["detail"] for answer in answers)


async def test_the_greatest_limit_is_taken(mock_api: Api) -> None:
    """The other side of the bound."""
    assert (await changes(mock_api, limit=MAX_FEED_LIMIT))["more"] is False


def events_in(text: str) -> list[dict[str, str]]:
    """Return the fields of each block of a stream; a comment is a field without a name."""
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.strip().split("\n\n")]


@pytest.fixture
async def stopping() -> AsyncIterator[Api]:
    """An application that is about to stop, so that a stream ends after what there is."""
    async with running_app({"MEMORY_PROVIDER": "mock"}) as app, asgi_client(app) as http:
        app.state.readiness.drain()
        yield Api(http, fresh_user())


async def test_a_stream_takes_no_wait(stopping: Api) -> None:
    """It waits by itself; and its cursor is one of this feed."""
    waiting = await stopping.request("GET", CHANGES, params={"wait": 1}, headers=EVENTS)
    foreign = await stopping.request("GET", CHANGES, headers={**EVENTS, "Last-Event-ID": "nonsense"})

    assert (waiting.status_code, field_in(waiting)) == (422, "wait")
    assert (foreign.status_code, field_in(foreign)) == (422, "Last-Event-ID")


async def test_changes_as_events(stopping: Api) -> None:
    """One for each change, each with a cursor; then the cursor behind the page, which is no event."""
    memory_id = await stopping.stored("masala tea")
    response = await stopping.request("GET", CHANGES, headers=EVENTS)
    retry, put, behind = events_in(response.text)
    again = await stopping.request("GET", CHANGES, headers={**EVENTS, "Last-Event-ID": put["id"]})

    assert response.headers["content-type"].startswith("text/event-stream")
    assert (response.headers["x-accel-buffering"], response.headers["cache-control"]) == ("no", "no-store")
    assert (retry, put["event"]) == ({"retry": "1000"}, "put")
    assert f'"memory_id":"{memory_id}"' in put["data"]
    assert behind == {"": "alive", "id": (await changes(stopping))["next"]}
    assert events_in(again.text) == [retry, behind]
