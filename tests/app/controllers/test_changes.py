"""Batches of changes and of deletions: each item has a result of its own."""

import httpx

from tests.support.api import ABSENT_ID, Api, field_in


async def updated(either: Api, *changes: object, key: str | None = None) -> httpx.Response:
    """Change memories in one batch."""
    return await either.request("POST", "/memory/update/batch", key=key, json={"changes": changes})


async def deleted(either: Api, *ids: str, key: str | None = None) -> httpx.Response:
    """Delete memories in one batch."""
    return await either.request("POST", "/memory/delete/batch", key=key, json={"memory_ids": ids})


async def test_each_change_has_a_result(either: Api) -> None:
    """What can be changed is, and shows how it is now; the others fail alone, each with its problem."""
    one, two = [await either.stored(content) for content in ("one", "two")]
    response = await updated(
        either,
        {"memory_id": one, "content": "uno", "session": "trip"},
        {"memory_id": ABSENT_ID, "content": "nobody"},
        {"memory_id": "one", "content": "nobody"},
        {"memory_id": two, "metadata": {"n": 2}},
        {"memory_id": one.upper(), "content": "eins"},
        {"memory_id": two, "content": ""},
        {"content": "nobody"},
    )
    body = response.json()

    assert (response.status_code, body["updated"], body["failed"]) == (200, 2, 5)
    assert [result["status"] for result in body["results"]] == [
        *("updated", "failed", "failed", "updated", "failed", "failed", "failed"),
    ]
    assert body["results"][0]["memory"] == (await either.get(one)).json()
    assert (await either.get(one)).json()["session"] == "trip"
    assert [memory["metadata"] for memory in (await either.page()).json()["memories"]] == [{"n": 2}, None]
    assert [result["problem"]["status"] for result in body["results"] if "problem" in result] == [404, *[422] * 4]
    assert "first_version" not in response.text


async def test_a_repeated_batch_changes_once(either: Api) -> None:
    """With its key a late retry undoes nothing."""
    one = await either.stored("one")
    change = {"memory_id": one, "content": "uno"}
    await updated(either, change, key="k")
    await either.update(one, content="eins")
    again = await updated(either, change, key="k")

    assert again.json()["results"][0]["memory"]["content"] == "eins"


async def test_each_deletion_has_a_result(either: Api) -> None:
    """What is there is deleted, and deleted again with the same key; the others fail alone."""
    one, two, three = [await either.stored(content) for content in ("one", "two", "three")]
    first = await deleted(either, one, ABSENT_ID, "two", two.upper(), one, key="k")
    again = await deleted(either, one, key="k")
    without = await deleted(either, one)

    assert [result["status"] for result in first.json()["results"]] == [
        "deleted",
        "failed",
        "failed",
        "deleted",
        "failed",
    ]
    assert [result["memory_id"] for result in first.json()["results"]] == [one, ABSENT_ID, "two", two.upper(), one]
    assert (first.json()["deleted"], first.json()["failed"]) == (2, 3)
    assert (again.json()["deleted"], without.json()["deleted"]) == (1, 0)
    assert [memory["id"] for memory in (await either.page()).json()["memories"]] == [three]


async def test_batches_have_limits(either: Api) -> None:
    """A batch has one to a thousand items."""
    assert (await deleted(either, *[ABSENT_ID] * 1_000)).status_code == 200
    for response in (await deleted(either), await deleted(either, *[ABSENT_ID] * 1_001)):
        assert (response.status_code, field_in(response)) == (422, "memory_ids")
    for response in (await updated(either), await updated(either, *[{"memory_id": ABSENT_ID}] * 1_001)):
        assert (response.status_code, field_in(response)) == (422, "changes")


async def test_others_memories_are_not_there(either: Api) -> None:
    """Neither batch reaches what belongs to another user."""
    one = await either.stored("one")
    stranger = either.stranger()

    assert (await updated(stranger, {"memory_id": one, "content": "mine"})).json()["failed"] == 1
    assert (await deleted(stranger, one)).json()["failed"] == 1
    assert await either.contents() == ["one"]
