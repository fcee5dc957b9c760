"""Memories under keys of the caller's own: one memory per key, and the newest wins."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from ninaivalaigal import AsyncClient
from ninaivalaigal.calls import Call, Plan, R
from ninaivalaigal.errors import NotFound
from ninaivalaigal.keyed import Collection, PartlyFailed, check
from ninaivalaigal.values import Batch, BatchResult, Memory, ProblemDetails

ITEMS = Collection(name="items")


async def copies(client: AsyncClient) -> list[str]:
    """The contents of all memories of the user, oldest first."""
    return [memory.content async for memory in client.memories(order="oldest")]


async def put_beside(client: AsyncClient, key: str, content: str) -> str:
    """Store another memory of a key, as a writer does that has not seen the first one."""
    stored = await client.remember(content, metadata={"items": {"key": key}})
    return stored.memory_id


async def test_a_key_has_one_memory(client: AsyncClient) -> None:
    """Putting replaces, reading finds, deleting removes, and afterwards it may be put again."""
    assert await client.run(ITEMS.get("a")) is None
    await client.run(ITEMS.put("a", "first", {"n": 1}))
    first = await client.run(ITEMS.get("a"))
    await client.run(ITEMS.put("a", "second", {"n": 2}))
    second = await client.run(ITEMS.get("a"))

    assert first is not None
    assert second is not None
    assert (second.id, second.content, ITEMS.marks_of(second)) == (first.id, "second", {"key": "a", "n": 2})
    assert await client.run(ITEMS.delete(ITEMS.at("a"))) == 1
    assert await client.run(ITEMS.delete(ITEMS.at("a"))) == 0
    await client.run(ITEMS.put("a", "third", {}))
    assert await copies(client) == ["third"]


async def test_the_newest_of_several_wins_and_the_next_writer_tidies_up(client: AsyncClient) -> None:
    """Reads, lists and renaming heed the newest alone."""
    for content in ("old", "new"):
        await put_beside(client, "a", content)
    await put_beside(client, "ab", "another")

    newest = await client.run(ITEMS.get("a"))
    listed = await client.run(ITEMS.found(ITEMS.under("a")))
    first = await client.run(ITEMS.found(ITEMS.under("a"), 1))
    await client.run(ITEMS.put("a", "newer", {}))

    assert newest is not None
    assert newest.content == "new"
    assert [one.content for one in listed] == ["another", "new"]
    assert [one.content for one in first] == ["another"]
    assert await copies(client) == ["newer", "another"]


async def test_pages_are_followed_until_there_are_enough_keys(client: AsyncClient) -> None:
    """Copies of one key may fill the first of them."""
    await put_beside(client, "b", "b")
    for number in range(4):
        await put_beside(client, "a", f"a {number}")

    found = await client.run(ITEMS.found(ITEMS.under(""), 2))

    assert [one.content for one in found] == ["a 3", "b"]


async def test_writers_of_one_key_leave_one_memory(client: AsyncClient) -> None:
    """Which of them wins is open."""
    await asyncio.gather(*(client.run(ITEMS.put("a", f"by {n}", {})) for n in range(6)))

    assert len(await copies(client)) == 1


async def test_deleting_takes_every_copy(client: AsyncClient) -> None:
    """And nothing of another collection, or of none."""
    await put_beside(client, "a", "one")
    await put_beside(client, "a", "two")
    await client.run(Collection(name="others").put("a", "other", {}))
    await client.remember("plain")

    assert await client.run(ITEMS.delete(ITEMS.under(""))) == 2
    assert await copies(client) == ["other", "plain"]


async def test_keys_are_renamed_by_their_beginning(client: AsyncClient) -> None:
    """What was put beside the key stays, and an older copy goes."""
    await put_beside(client, "x/a", "older")
    await put_beside(client, "x/a", "newer")
    await client.run(ITEMS.put("x/b", "b", {"n": 1}))
    await client.run(ITEMS.put("xx", "not moved", {}))

    moved = await client.run(ITEMS.rename(ITEMS.under("x/"), "x/", "y/z/"))

    found = await client.run(ITEMS.found(ITEMS.under("y/")))
    assert moved == 2
    assert [(ITEMS.marks_of(one), one.content) for one in found] == [
        ({"key": "y/z/b", "n": 1}, "b"),
        ({"key": "y/z/a"}, "newer"),
    ]
    assert sorted(await copies(client)) == ["b", "newer", "not moved"]


async def test_what_is_nearest_is_found_once_per_key(client: AsyncClient) -> None:
    """Best first."""
    await put_beside(client, "a", "green tea")
    await put_beside(client, "a", "green tea")
    await client.run(ITEMS.put("b", "the dog drinks no tea", {}))

    found = await client.run(ITEMS.recall("green tea", ITEMS.under(""), 10))

    assert [ITEMS.key_of(one) for one in found] == ["a", "b"]


async def run_against(client: AsyncClient, plan: Plan[R], *, deletes_before: int) -> R:
    """Carry out a plan, while somebody else deletes what its first so many changes are about."""
    answer: Any = None
    failure: NotFound | None = None
    try:
        while True:
            call: Call[Any] = plan.throw(failure) if failure else plan.send(answer)
            failure = None
            if call.method == "PATCH" and deletes_before > 0:
                deletes_before -= 1
                await client.delete(call.path.rpartition("/")[2])
                await put_beside(client, "a", "in between")
            try:
                answer = await client.send(call)
            except NotFound as error:
                failure = error
    except StopIteration as end:
        result: R = end.value
        return result


async def test_a_writer_that_meets_one_who_deletes_writes_again(client: AsyncClient) -> None:
    """Up to four times; whoever is met more often is told."""
    await client.run(ITEMS.put("a", "first", {}))

    await run_against(client, ITEMS.put("a", "second", {}), deletes_before=4)

    assert await copies(client) == ["second"]
    with pytest.raises(NotFound):
        await run_against(client, ITEMS.put("a", "third", {}), deletes_before=5)


def test_a_batch_with_a_failed_item_is_an_error() -> None:
    """It tells the first problem."""
    memory = BatchResult(status="stored", memory_id="1")
    failed = BatchResult(status="failed", problem=ProblemDetails(title="Too long", detail="content"))

    assert check(Batch(results=[memory], failed=0)).results == [memory]
    with pytest.raises(PartlyFailed, match="1 items failed, the first: Too long: content") as raised:
        check(Batch(results=[memory, failed], failed=1))
    assert raised.value.problems == [failed.problem]


def test_a_memory_that_never_changed_was_changed_when_it_was_made() -> None:
    """As items of a store have both moments."""
    made, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    never = Memory(id="1", user_id="u", content="c", created_at=made)

    changed = replace(never, updated_at=later)

    assert (never.changed_at, changed.changed_at) == (made, later)
