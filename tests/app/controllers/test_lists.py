"""Lists by conditions, in either order; their cursors, totals, and deletions of what meets conditions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from providers.limits import MAX_LIST_LIMIT, MAX_PAGE_LIMIT
from providers.sliding import MIN_SLIDING_SECONDS
from tests.support.api import Api, field_in

HAPPENED = "2026-03-01T09:30:00Z"
SIX = [f"tea {number}" for number in range(6)]
TALK: dict[str, Any] = {"messages": [{"role": "user", "content": "tea"}, {"role": "assistant", "content": "Green."}]}
LABELS = {"session": "trip", "agent": "planner", "app": "chat", "speaker": "Zoë"}


async def told(either: Api, *memories: dict[str, Any], key: str | None = None) -> httpx.Response:
    """Store memories in one batch."""
    response = await either.request("POST", "/memory/remember/batch", key=key, json={"memories": memories})
    assert response.json()["failed"] == 0, response.text
    return response


async def listed(either: Api, **wanted: object) -> httpx.Response:
    """List by a query in the body."""
    response = await either.request("POST", "/memory/list", json=wanted)
    assert response.status_code == 200, response.text
    return response


def contents(response: httpx.Response) -> list[str]:
    """The contents of a list."""
    assert response.status_code == 200, response.text
    return [memory["content"] for memory in response.json()["memories"]]


async def test_a_batch_keeps_its_order(either: Api) -> None:
    """Six items of one moment under one key are listed as they were sent, also page by page, and after a retry."""
    batch = [{"content": content, "created_at": HAPPENED} for content in SIX]
    first = await told(either, *batch, key="six")
    again = await told(either, *batch, key="six")

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await listed(either, order="oldest", limit=4, **cursor)).json()
        seen += [memory["content"] for memory in page["memories"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert again.json() == first.json()
    assert seen == SIX
    assert await either.contents() == SIX[::-1]


async def test_a_batch_without_moments_keeps_its_order(either: Api) -> None:
    """What is stored now, at once, is listed as it was sent."""
    await told(either, *({"content": content} for content in SIX))

    assert contents(await listed(either, order="oldest")) == SIX


async def test_a_memory_happened_when_its_caller_says(either: Api) -> None:
    """The moment comes back, and places it in the list."""
    await either.stored("now")
    await told(either, {"content": "then", "created_at": "1999-12-31T23:59:59.25+01:00"})

    memories = (await either.page()).json()["memories"]

    assert [memory["content"] for memory in memories] == ["now", "then"]
    assert memories[1]["created_at"] == "1999-12-31T22:59:59.250000Z"


@pytest.mark.parametrize(
    "wrong",
    [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-03-01T09:30:00",
        7,
    ],
)
async def test_a_moment_has_limits(either: Api, wrong: object) -> None:
    """It lies within the years 1 to 9999 in UTC and has a time zone, and is none that stands for minus infinity."""
    refused = await either.request("POST", "/memory/remember", json={"content": "tea", "created_at": wrong})
    first = "0001-01-01T00:00:00.000001Z"
    taken = await either.request("POST", "/memory/remember", json={"content": "tea", "created_at": first})
    listed = (await either.page()).json()["memories"]

    assert (refused.status_code, field_in(refused)) == (422, "created_at")
    assert taken.status_code == 200
    assert [memory["created_at"] for memory in listed] == [first]


async def test_a_moment_is_at_most_a_day_ahead(either: Api) -> None:
    """A clock may be wrong by hours, but not by a day; in a batch such a memory fails alone."""
    ahead = [(datetime.now(UTC) + timedelta(hours=hours)).isoformat() for hours in (23, 25)]
    bodies = [{"content": "tea", "created_at": moment} for moment in ahead]

    near, far = [await either.request("POST", "/memory/remember", json=body) for body in bodies]
    batch = (await either.request("POST", "/memory/remember/batch", json={"memories": bodies})).json()

    assert (near.status_code, far.status_code, field_in(far)) == (200, 422, "created_at")
    assert [result["status"] for result in batch["results"]] == ["stored", "failed"]


async def test_messages_become_memories(either: Api) -> None:
    """Each message of a conversation is a memory of its speaker, in its session, in its order."""
    messages = [
        {"role": "user", "content": "Which tea?", "name": "Ann"},
        {"role": "assistant", "content": "Green."},
        {"role": "user", "content": "Thanks!", "name": "Ann"},
    ]
    body = {"messages": messages, "session": "trip", "app": "chat", "metadata": {"topic": "tea"}}
    first = await either.request("POST", "/memory/remember", key="talk", json=body)
    again = await either.request("POST", "/memory/remember", key="talk", json=body)

    memories = (await listed(either, session="trip", order="oldest")).json()["memories"]

    assert (first.status_code, first.json()["stored"], again.json()) == (200, 3, first.json())
    assert [result["memory_id"] for result in first.json()["results"]] == [memory["id"] for memory in memories]
    assert [(memory["speaker"], memory["content"]) for memory in memories] == [
        ("Ann", "Which tea?"),
        ("assistant", "Green."),
        ("Ann", "Thanks!"),
    ]
    assert all((memory["app"], memory["metadata"]) == ("chat", {"topic": "tea"}) for memory in memories)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "content"),
        ({"content": "tea", "messages": [{"role": "user", "content": "tea"}]}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "tea"}] * 1_001}, "messages"),
        ({"messages": [{"role": "user", "content": "tea"}], "speaker": "Ann"}, "speaker"),
        ({"messages": [{"role": "user", "content": 5}], "speaker": "Ann"}, "speaker"),
        ({"messages": [{"role": "user", "content": 5}], "session": ""}, "session"),
        ({"messages": [{"role": "user", "content": 5}], "unknown": 1}, "unknown"),
        (TALK | {"sliding": True}, "sliding"),
        (TALK | {"sliding": True, "ttl_seconds": MIN_SLIDING_SECONDS - 1}, "ttl_seconds"),
        (TALK | {"ttl_seconds": 60, "expires_at": "2999-01-01T00:00:00Z"}, "ttl_seconds"),
        (TALK | {"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        (TALK | {"created_at": "2999-01-01T00:00:00Z"}, "created_at"),
        ({"content": "tea", "session": ""}, "session"),
        ({"content": "tea", "session": "x" * 257}, "session"),
    ],
)
async def test_what_is_no_memory_is_refused(either: Api, body: dict[str, Any], field: str) -> None:
    """There is a content or there are messages, with labels within their limits."""
    response = await either.request("POST", "/memory/remember", json=body)

    assert (response.status_code, field_in(response).partition("[")[0]) == (422, field)


async def test_one_message_fails_alone(either: Api) -> None:
    """A fault of its own is none of the request; neither is that of a memory in a batch, whose expiry is its own."""
    told = {"messages": [{"role": "user", "content": "tea"}, {"role": "user", "content": " "}]}
    batch = {"memories": [{"content": "tea"}, {"content": "tea", "sliding": True}]}
    for path, body in (("/memory/remember", told), ("/memory/remember/batch", batch)):
        answer = await either.request("POST", path, json=body)

        assert answer.status_code == 200
        assert [one["status"] for one in answer.json()["results"]] == ["stored", "failed"]


async def test_a_message_of_a_wrong_type_fails_alone(either: Api) -> None:
    """As an item of a batch does, with the same problem in its place, and the others keep their ids at a repeat."""
    wrong: dict[str, tuple[object, str]] = {
        "content": ({"content": 5}, "content"),
        "no content": ({}, "content"),
        "empty": ({"content": ""}, "content"),
        "too long": ({"content": 50_000 * "x"}, "content"),
        "unknown": ({"content": "tea", "tone": "low"}, "tone"),
        "text": ("tea", "item"),
        "null": (None, "item"),
    }
    for one, field in wrong.values():
        user = either.stranger()
        message = {"role": "user", **one} if isinstance(one, dict) else one
        talk = {"messages": [{"role": "user", "content": "a"}, message, {"role": "user", "content": "b"}]}
        batch = {"memories": [{"content": "a"}, one, {"content": "b"}]}
        told = await user.request("POST", "/memory/remember", key="talk", json=talk)
        again = await user.request("POST", "/memory/remember", key="talk", json=talk)
        as_batch = await user.request("POST", "/memory/remember/batch", json=batch)

        assert told.status_code == 200
        assert [result["status"] for result in told.json()["results"]] == ["stored", "failed", "stored"]
        problem, of_batch = [answer.json()["results"][1]["problem"] for answer in (told, as_batch)]
        assert [error["field"] for error in problem["errors"]] == [field]
        assert (problem["detail"], problem["status"]) == (of_batch["detail"], 422)
        ids = [[result.get("memory_id") for result in answer.json()["results"]] for answer in (told, again)]
        assert ids[0] == ids[1]


async def test_no_role_is_a_fault_of_the_message(either: Api) -> None:
    """Nothing is stored where all messages have faults, and each has its own."""
    body = {"messages": [{"content": "tea"}, {"role": "", "content": "tea"}], "user_id": either.user}
    response = await either.request("POST", "/memory/remember", json=body)

    results = response.json()["results"]
    assert [result["problem"]["errors"][0]["field"] for result in results] == ["role", "role"]
    assert await either.contents() == []


async def test_labels_are_set_cleared_and_filtered(either: Api) -> None:
    """A memory shows the labels it has; a change sets or removes them; recall and list choose by them."""
    await told(either, {"content": "green tea", **LABELS}, {"content": "black tea", "session": "other"})
    [memory] = (await either.page(session="trip")).json()["memories"]
    changed = await either.update(memory["id"], session="home", speaker=None)

    assert {name: memory[name] for name in LABELS} == LABELS
    assert "speaker" not in changed.json()
    assert changed.json()["session"] == "home"
    assert await either.recalled("tea", session="home", agent="planner") == ["green tea"]
    assert await either.recalled("tea", session="trip") == []
    assert contents(await either.page(session="home", app="chat")) == ["green tea"]
    assert contents(await either.page(speaker="Zoë")) == []


async def test_a_change_of_labels_is_made_once(either: Api) -> None:
    """Repeated with its key it is the same change; another one with that key is a conflict."""
    memory_id = await either.stored("tea")
    first = await either.update(memory_id, key="k", session="one")
    await either.update(memory_id, session="two")
    again = await either.update(memory_id, key="k", session="one")
    other = await either.update(memory_id, key="k", session="three")

    assert (first.json()["session"], again.json()["session"], other.status_code) == ("one", "two", 409)


async def test_conditions_choose_what_is_listed(either: Api) -> None:
    """They are the same in a body and in a query, and the total counts what meets them."""
    await told(
        either,
        {"content": "a", "metadata": {"tags": ["x", "y"], "n": 1}, "created_at": HAPPENED},
        {"content": "b", "metadata": {"tags": ["y"], "n": 2}},
        {"content": "c", "metadata": {"topic": "x"}},
    )
    where = {"op": "contains", "field": "tags", "value": "y"}
    page = await listed(either, where=where, limit=1, total=True)
    query = await either.page(where=msgspec.json.encode(where).decode(), order="oldest", total="true")

    assert (contents(page), page.json()["total"]) == (["b"], 2)
    assert (contents(query), query.json()["total"]) == (["a", "b"], 2)
    assert "total" not in (await either.page()).json()
    assert contents(await listed(either, where={"topic": "x"})) == ["c"]
    assert contents(await listed(either, where={"n": 1, "tags": ["x", "y"]})) == ["a"]
    assert contents(await either.page(where='{"n": 2}')) == ["b"]
    short = {"op": "or", "any": [{"n": 1}, {"op": "not", "that": {"op": "exists", "field": "n"}}]}
    assert contents(await listed(either, where=short, order="oldest")) == ["a", "c"]
    assert await either.recalled("c", where={"topic": "x"}) == ["c"]
    assert contents(await listed(either, created_before="2026-03-02T00:00:00Z")) == ["a"]
    assert contents(await either.page(created_from="2026-03-02T00:00:00Z", order="oldest")) == ["b", "c"]


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ({}, "where"),
        ({"op": "contains"}, "where.field"),
        ({"op": "of", "a": 1}, "where.op"),
        ({"op": "and", "all": [{"a": 1}, {"op": "gt", "field": "a"}]}, "where.all[].value"),
        ({"op": "between", "field": "a", "low": 1, "high": "b"}, "where"),
        ({"op": "between", "field": "a", "low": True, "high": 2}, "where.low"),
        ({"op": "prefix", "field": "a", "value": 1}, "where.value"),
        ({"op": "contains_any", "field": "a", "values": []}, "where.values"),
        ({"op": "contains_all", "field": "a", "values": [1] * 101}, "where.values"),
        ({str(number): 1 for number in range(65)}, "where"),
        ("tea", "where"),
    ],
)
async def test_what_is_no_condition_is_refused(either: Api, where: object, field: str) -> None:
    """The answer names the part of the condition, wherever the condition stands."""
    text = msgspec.json.encode(where).decode()
    answers = [
        await either.request("POST", "/memory/list", json={"where": where}),
        await either.recall("tea", where=where),
        await either.page(where=text),
    ]

    assert [answer.status_code for answer in answers] == [422] * 3
    for answer in answers:
        named = field_in(answer)
        assert "".join(char for char in named if not char.isdigit()).replace("[...]", "[]") == field


async def test_a_cursor_belongs_to_its_query(either: Api) -> None:
    """With other conditions, or in another order, it is refused; with another limit it goes on."""
    await told(either, *({"content": content, "session": "trip"} for content in SIX))
    cursor = (await listed(either, session="trip", limit=2)).json()["next_cursor"]
    plain = (await listed(either, limit=2)).json()["next_cursor"]

    wrong: list[dict[str, object]] = [
        {"cursor": cursor},
        {"cursor": cursor, "session": "other"},
        {"cursor": cursor, "session": "trip", "order": "oldest"},
        {"cursor": cursor, "session": "trip", "where": {"a": 1}},
        {"cursor": plain, "session": "trip"},
        {"cursor": "tea"},
        {"cursor": cursor, "session": "trip", "offset": 1},
    ]
    refused = [await either.request("POST", "/memory/list", json=body) for body in wrong]

    assert [answer.status_code for answer in refused] == [422] * len(wrong)
    assert [field_in(answer) for answer in refused] == ["cursor"] * 6 + ["offset"]
    assert contents(await listed(either, cursor=cursor, session="trip", limit=3)) == SIX[3::-1][:3]
    assert contents(await either.page(cursor=plain, limit=1)) == [SIX[3]]


async def test_a_page_holds_up_to_a_thousand(either: Api) -> None:
    """A query in the body may ask for a thousand, one in the address for a hundred as ever."""
    await told(either, *({"content": "tea"} for _ in range(MAX_LIST_LIMIT + 5)))

    assert len(contents(await listed(either, limit=MAX_PAGE_LIMIT))) == MAX_LIST_LIMIT + 5
    too_many = await either.request("POST", "/memory/list", json={"limit": MAX_PAGE_LIMIT + 1})
    assert (too_many.status_code, field_in(too_many)) == (422, "limit")
    assert (await either.page(limit=MAX_LIST_LIMIT + 1)).status_code == 422


async def test_what_meets_conditions_is_deleted(either: Api) -> None:
    """A dry run counts it first; then it is gone, and the rest is there."""
    await told(either, {"content": "a", "session": "trip"}, {"content": "b", "metadata": {"n": 1}}, {"content": "c"})

    async def delete(**params: str) -> httpx.Response:
        return await either.request("DELETE", "/memory/memories", params=params)

    dry = await delete(session="trip", dry_run="true")
    unconfirmed = await delete(session="trip")
    nothing = await delete(confirm="matching")
    first = await delete(session="trip", confirm="matching")
    second = await delete(where='{"n": 1}', confirm="everything")

    assert dry.json() == {"matching": 1, "status": "dry_run"}
    assert [field_in(answer) for answer in (unconfirmed, nothing)] == ["confirm", "confirm"]
    assert [answer.json()["deleted"] for answer in (first, second)] == [1, 1]
    assert await either.contents() == ["c"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("session", ""), ("where", ""), ("where", '{"n":1},"where":null'), ("created_from", ""), ("dry_run", "")],
)
async def test_a_condition_that_is_none_deletes_nothing(either: Api, name: str, text: str) -> None:
    """What cannot be understood is refused, and never left out."""
    await either.stored("tea")

    answer = await either.request("DELETE", "/memory/memories", params={"confirm": "everything", name: text})

    assert answer.status_code == 422
    assert await either.contents() == ["tea"]


@pytest.mark.parametrize("empty", ["GET", "POST"])
async def test_an_empty_condition_is_refused_in_words(mock_api: Api, empty: str) -> None:
    """It may mean everything or nothing, so the caller has to say which."""
    if empty == "GET":
        answer = await mock_api.page(where="{}")
    else:
        answer = await mock_api.request("POST", "/memory/list", json={"where": {}})

    assert (answer.status_code, field_in(answer)) == (422, "where")
    assert "leave it out" in answer.json()["detail"]


@pytest.mark.parametrize(("params", "word"), [({}, "everything"), ({"session": "trip"}, "matching")])
async def test_a_deletion_is_told_which_word_confirms_it(mock_api: Api, params: dict[str, str], word: str) -> None:
    """With conditions the one that protects from deleting everything; a dry run needs none."""
    refused = await mock_api.request("DELETE", "/memory/memories", params=params)
    counted = await mock_api.request("DELETE", "/memory/memories", params=params | {"dry_run": "true"})

    assert (refused.status_code, field_in(refused)) == (422, "confirm")
    assert f'"{word}"' in refused.json()["detail"]
    assert (counted.status_code, counted.json()["status"]) == (200, "dry_run")
