"""Every route of one memory: what goes in, and all that comes out."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from providers.limits import MAX_BATCH
from tests.support.api import ABSENT_ID, Api, problem_in

TEA = "Alice drinks green tea in the morning"
DOG = "The dog next door barks at night"
TIMING = re.compile(r"total;dur=\d+\.\d\d, provider;dur=\d+\.\d\d")


async def memory(api: Api, memory_id: str) -> dict[str, Any]:
    """One memory as it is now."""
    response = await api.get(memory_id)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_remember_gives_the_id_of_what_is_stored(api: Api) -> None:
    """The answer to a new memory is its id, a UUID of version 7, and nothing else but the word stored."""
    response = await api.remember(TEA, {"topic": "tea"})

    body = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert body == {"memory_id": body["memory_id"], "status": "stored"}
    assert UUID(body["memory_id"]).version == 7


async def test_get_gives_the_whole_memory(api: Api) -> None:
    """A memory comes back as it went in, with its user and the moment it was stored, in UTC."""
    memory_id = await api.stored(TEA, {"topic": "tea", "cups": 2, "with": ["honey", None, {"milk": False}]})

    body = await memory(api, memory_id)

    assert body == {
        "id": memory_id,
        "user_id": api.user,
        "content": TEA,
        "metadata": {"topic": "tea", "cups": 2, "with": ["honey", None, {"milk": False}]},
        "created_at": body["created_at"],
        "updated_at": None,
        "source": {"origin": "user", "caller": "anonymous", "key": None, "at": body["source"]["at"]},
    }
    assert datetime.fromisoformat(body["created_at"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["தமிழ் நினைவுகள்", "🙂" * 100, "a\r\n\tb\x7f\x01", "  spaces around  ", "ـ\u202e\ufeff"]
)
async def test_text_comes_back_as_it_went_in(api: Api, text: str) -> None:
    """No character of a memory is normalised, trimmed or lost."""
    memory_id = await api.stored(text, {text: text})

    body = await memory(api, memory_id)
    assert (body["content"], body["metadata"]) == (text, {text: text})


async def test_every_answer_tells_id_provider_and_time(api: Api) -> None:
    """An answer tells the request's id, who answered, and how long it took in all and at the provider."""
    response = await api.remember(TEA)

    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])
    assert response.headers["memory-provider"] == "native"
    assert TIMING.fullmatch(response.headers["server-timing"])


@pytest.mark.parametrize("given", ["a", "trace.Id_1:2/3+4=5-6", "x" * 128])
async def test_a_harmless_request_id_is_taken_over(api: Api, given: str) -> None:
    """A client's own request id comes back, in a problem too."""
    response = await api.request("GET", f"/memory/memories/{ABSENT_ID}", headers={"X-Request-ID": given})

    assert problem_in(response)["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", 'a"b', "ä", "a;b", "<a>"])
async def test_any_other_request_id_is_replaced(api: Api, given: str) -> None:
    """What could not stand in a log line safely is not taken over."""
    headers = [(b"X-Request-ID", given.encode()), (b"X-User-ID", api.user.encode())]
    response = await api.http.get("/memory/memories", headers=headers)

    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


async def test_without_a_user_the_default_one_is_meant(api: Api) -> None:
    """Where no key is asked for and no user named, memories belong to `demo`."""
    stored = await api.http.post("/memory/remember", json={"content": TEA})

    found = await Api(api.http, "demo").get(stored.json()["memory_id"])
    assert found.json()["user_id"] == "demo"


async def test_a_user_may_be_named_in_any_script(api: Api) -> None:
    """The user's name is UTF-8, and tells users apart that look alike."""
    name = f"நினைவு-{api.user}"
    headers = [(b"X-User-ID", name.encode())]
    stored = await api.http.post("/memory/remember", json={"content": TEA}, headers=headers)

    found = await api.http.get(f"/memory/memories/{stored.json()['memory_id']}", headers=headers)
    assert found.json()["user_id"] == name


async def test_recall_gives_whole_memories_with_scores(api: Api) -> None:
    """A recalled memory is the memory itself and its score, and the answer tells how many there are."""
    memory_id = await api.stored(TEA, {"topic": "tea"})

    response = await api.recall("green tea")

    body = response.json()
    [found] = body["memories"]
    score = found.pop("similarity_score")
    assert response.status_code == 200
    assert body == {"memories": [found], "count": 1}
    assert found == await memory(api, memory_id)
    assert 0 < score <= 1


async def test_recall_gives_the_nearest_first(api: Api) -> None:
    """Scores fall from the first memory to the last, and the one about the question is the first."""
    for content in (DOG, TEA, "Bob repairs bicycles"):
        await api.stored(content)

    response = await api.recall("what tea does Alice drink in the morning?")

    memories = response.json()["memories"]
    scores = [found["similarity_score"] for found in memories]
    assert memories[0]["content"] == TEA
    assert scores == sorted(scores, reverse=True)


async def test_recall_of_nothing_is_an_empty_answer(api: Api) -> None:
    """A user without memories gets none, and no error."""
    response = await api.recall("tea")

    assert (response.status_code, response.json()) == (200, {"memories": [], "count": 0})


async def test_recall_keeps_to_its_limit(api: Api) -> None:
    """The limit bounds the answer; without one it is ten."""
    await api.remember_batch(*(f"tea number {number}" for number in range(30)))

    counts = [len(await api.recalled("tea", **given)) for given in ({}, {"limit": 1}, {"limit": 25}, {"limit": 100})]

    assert counts == [10, 1, 25, 30]


async def test_recall_looks_only_where_told(api: Api) -> None:
    """A condition on the metadata holds for every memory that is found."""
    for year in (2023, 2024, 2025):
        await api.stored(f"tea of {year}", {"year": year, "who": {"name": "Alice"}})
    where = {
        "op": "and",
        "all": [
            {"op": "gte", "field": "year", "value": 2024},
            {"op": "not", "that": {"op": "eq", "field": "year", "value": 2025}},
            {"op": "exists", "field": ["who", "name"]},
        ],
    }

    assert await api.recalled("tea", where=where) == ["tea of 2024"]


async def test_recall_looks_only_at_the_time_told(api: Api) -> None:
    """`created_from` includes its moment, `created_before` does not, and any zone may name it."""
    first = await memory(api, await api.stored("tea one"))
    second = await memory(api, await api.stored("tea two"))
    assert first["created_at"] < second["created_at"]
    moment = datetime.fromisoformat(second["created_at"])
    elsewhere = (moment.replace(tzinfo=None) + timedelta(hours=5, minutes=30)).isoformat() + "+05:30"

    assert await api.recalled("tea", created_from=second["created_at"]) == ["tea two"]
    assert await api.recalled("tea", created_from=elsewhere) == ["tea two"]
    assert await api.recalled("tea", created_before=second["created_at"]) == ["tea one"]
    assert await api.recalled("tea", created_from=first["created_at"], created_before=first["created_at"]) == []


async def test_recall_leaves_out_what_scores_too_low(api: Api) -> None:
    """Nothing below `min_score` is found."""
    await api.remember_batch(TEA, DOG, "tea")
    found = (await api.recall("green tea in the morning")).json()["memories"]
    bound = found[0]["similarity_score"]

    again = (await api.recall("green tea in the morning", min_score=bound)).json()["memories"]

    assert len(found) > 1
    assert [one["content"] for one in again] == [TEA]
    assert await api.recalled("a question about nothing at all", min_score=1) == []


async def test_list_gives_whole_memories_newest_first(api: Api) -> None:
    """A page holds the memories themselves, from the newest to the oldest."""
    ids = [await api.stored(f"memory {number}") for number in range(3)]

    response = await api.page()

    assert response.status_code == 200
    assert response.json() == {
        "memories": [await memory(api, memory_id) for memory_id in reversed(ids)],
        "count": 3,
        "next_cursor": None,
    }


async def test_list_of_nothing_is_an_empty_page(api: Api) -> None:
    """A user without memories has one empty page, and so has a page behind the last memory."""
    nothing = {"memories": [], "count": 0, "next_cursor": None}

    assert (await api.page()).json() == nothing
    assert (await api.page(offset=100_000)).json() == nothing


async def test_the_offset_leads_through_all_memories(api: Api) -> None:
    """Pages side by side hold every memory once."""
    await api.remember_batch(*(f"memory {number}" for number in range(25)))

    pages = [(await api.page(limit=10, offset=offset)).json() for offset in (0, 10, 20, 30)]

    assert [page["count"] for page in pages] == [10, 10, 5, 0]
    assert len({one["id"] for page in pages for one in page["memories"]}) == 25


@pytest.mark.parametrize("limit", [1, 7, 10, 100])
async def test_the_cursor_leads_to_the_end(either: Api, limit: int) -> None:
    """Following the cursor gives every memory once in the order of the list, and ends."""
    await either.remember_batch(*(f"memory {number}" for number in range(20)))
    whole = [one["id"] for one in (await either.page()).json()["memories"]]

    seen: list[str] = []
    page = (await either.page(limit=limit)).json()
    while True:
        seen += [one["id"] for one in page["memories"]]
        if page["next_cursor"] is None:
            break
        page = (await either.page(limit=limit, cursor=page["next_cursor"])).json()

    assert len(whole) == 20
    assert seen == whole


async def test_the_cursor_stands_still_while_memories_come_and_go(api: Api) -> None:
    """What is stored or deleted between two pages neither repeats nor hides another memory."""
    ids = [await api.stored(f"memory {number}") for number in range(6)]
    first = (await api.page(limit=3)).json()
    await api.stored("newer than all")
    assert (await api.delete(first["memories"][-1]["id"])).status_code == 200

    second = (await api.page(limit=3, cursor=first["next_cursor"])).json()

    assert [one["id"] for one in second["memories"]] == [ids[2], ids[1], ids[0]]


async def test_a_full_last_page_is_followed_by_an_empty_one(api: Api) -> None:
    """When the memories end with the page, the cursor leads to an empty last page."""
    await api.remember_batch("one", "two")
    page = (await api.page(limit=2)).json()

    last = await api.page(limit=2, cursor=page["next_cursor"])

    assert last.json() == {"memories": [], "count": 0, "next_cursor": None}


@pytest.mark.parametrize(
    ("sent", "content", "metadata"),
    [
        ({"content": DOG}, DOG, {"a": 1}),
        ({"metadata": {"b": 2}}, TEA, {"b": 2}),
        ({"metadata": {}}, TEA, {}),
        ({"metadata": None}, TEA, None),
        ({"content": DOG, "metadata": None}, DOG, None),
        ({"content": DOG, "metadata": {"b": [2]}}, DOG, {"b": [2]}),
    ],
    ids=["content", "metadata", "empty metadata", "no metadata", "content and no metadata", "both"],
)
async def test_patch_replaces_what_is_sent(
    api: Api, sent: dict[str, Any], content: str, metadata: dict[str, Any] | None
) -> None:
    """What is sent is replaced as a whole, what is left out stays, and the answer is the memory as it is now."""
    before = await memory(api, await api.stored(TEA, {"a": 1}))

    response = await api.update(before["id"], **sent)

    body = response.json()
    assert response.status_code == 200
    changed = {"updated_at": body["updated_at"], "source": {**before["source"], "at": body["source"]["at"]}}
    assert body == {**before, "content": content, "metadata": metadata, **changed}
    assert body["updated_at"] >= before["created_at"]
    assert body["source"]["at"] >= before["source"]["at"]
    assert await memory(api, before["id"]) == body


async def test_patch_of_nothing_changes_nothing(api: Api) -> None:
    """An empty change gives the memory, and leaves it unchanged."""
    before = await memory(api, await api.stored(TEA))

    assert (await api.update(before["id"])).json() == before


async def test_an_edited_memory_is_found_by_its_new_words_alone(api: Api) -> None:
    """Recall follows an edit at once."""
    memory_id = await api.stored("quetzalcoatlus")
    await api.update(memory_id, content="brontosaurus")

    assert await api.recalled("brontosaurus") == ["brontosaurus"]
    assert "quetzalcoatlus" not in await api.contents()


async def test_delete_takes_the_memory_away_for_good(api: Api) -> None:
    """A deleted memory is neither given nor listed nor recalled, and cannot be changed or deleted again."""
    memory_id = await api.stored(TEA)

    response = await api.delete(memory_id)

    assert (response.status_code, response.json()) == (200, {"memory_id": memory_id, "status": "deleted"})
    assert await api.recalled("green tea") == []
    assert await api.contents() == []
    for again in (await api.get(memory_id), await api.update(memory_id, content=DOG), await api.delete(memory_id)):
        assert (again.status_code, problem_in(again)["type"]) == (404, "urn:ninai:problem:memory-not-found")


async def test_everything_is_deleted_when_that_is_confirmed(either: Api) -> None:
    """All memories of the user are gone for good, and those of others are not."""
    ids = [await either.stored(text) for text in (TEA, DOG)]
    stranger = either.stranger()
    kept = await stranger.stored(TEA)

    response = await either.request("DELETE", "/memory/memories", params={"confirm": "everything"})

    assert (response.status_code, response.json()) == (200, {"deleted": 2, "more": False, "status": "deleted"})
    assert response.headers["memory-provider"]
    assert await either.contents() == []
    assert [(await either.get(memory_id)).status_code for memory_id in ids] == [404, 404]
    assert (await stranger.get(kept)).status_code == 200
    again = await either.request("DELETE", "/memory/memories", params={"confirm": "everything"})
    assert again.json()["deleted"] == 0


@pytest.mark.parametrize("path", ["/memory/memories", "/memory/memories/", "/memory/memories?confirm=yes"])
async def test_everything_is_not_deleted_by_a_slip(api: Api, path: str) -> None:
    """Whoever forgets the id in the path deletes nothing."""
    memory_id = await api.stored(TEA)

    response = await api.request("DELETE", path)

    assert (response.status_code, problem_in(response)["errors"][0]["field"]) == (422, "confirm")
    assert (await api.get(memory_id)).status_code == 200


async def test_of_very_many_it_is_told_that_there_are_more(mock_api: Api) -> None:
    """One request deletes as many as one batch may store."""
    await mock_api.remember_batch(*map(str, range(MAX_BATCH)))
    await mock_api.stored(TEA)

    told = [
        (await mock_api.request("DELETE", "/memory/memories", params={"confirm": "everything"})).json()
        for _ in range(2)
    ]

    assert [(one["deleted"], one["more"]) for one in told] == [(MAX_BATCH, True), (1, False)]


async def test_an_id_may_be_written_in_capitals(api: Api) -> None:
    """A UUID means the same in capitals, and comes back in small letters."""
    memory_id = await api.stored(TEA)

    assert (await api.get(memory_id.upper())).json()["id"] == memory_id
    assert (await api.delete(memory_id.upper())).json()["memory_id"] == memory_id


async def test_an_absent_memory_is_a_problem_with_a_name(api: Api) -> None:
    """The whole body of a 404 tells what is missing and nothing else."""
    response = await api.get(ABSENT_ID)

    assert response.status_code == 404
    assert problem_in(response) == {
        "type": "urn:ninai:problem:memory-not-found",
        "title": "There is no such memory",
        "status": 404,
        "detail": f"no memory {ABSENT_ID}",
        "request_id": response.headers["x-request-id"],
    }


async def test_another_users_memory_is_as_good_as_absent(either: Api) -> None:
    """Whether an id exists for somebody else, nobody can tell: answer and headers are those of an absent one."""
    memory_id = await either.stored(TEA)
    stranger = either.stranger()

    for method, body in (("GET", None), ("PATCH", {"content": DOG}), ("DELETE", None)):
        theirs = await stranger.request(method, f"/memory/memories/{memory_id}", json=body)
        absent = await stranger.request(method, f"/memory/memories/{ABSENT_ID}", json=body)
        expected = {**problem_in(absent), "detail": f"no memory {memory_id}"}
        assert theirs.status_code == 404
        assert {**problem_in(theirs), "request_id": None} == {**expected, "request_id": None}
        assert theirs.headers.keys() == absent.headers.keys()
    assert (await either.get(memory_id)).json()["content"] == TEA
    assert await stranger.recalled("green tea") == []
    assert await stranger.contents() == []
