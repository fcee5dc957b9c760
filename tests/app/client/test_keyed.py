"""Items under keys of an adapter's own: one memory per key, also where the key is longer than the service takes."""

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ninaivalaigal import AsyncClient
from ninaivalaigal.keyed import Collection, PartlyFailed, check
from ninaivalaigal.limits import MAX_KEY_CHARS
from ninaivalaigal.values import Batch, BatchResult, Memory, ProblemDetails

ITEMS = Collection(name="items")


async def contents(client: AsyncClient) -> list[str]:
    """The contents of all memories of the user, oldest first."""
    return [memory.content async for memory in client.memories(order="oldest")]


@pytest.mark.parametrize("key", ["a", "k" * (MAX_KEY_CHARS - 6), "k" * (MAX_KEY_CHARS - 5), "🍵" * 999])
async def test_a_key_has_one_memory(client: AsyncClient, key: str) -> None:
    """Putting replaces, reading finds, deleting removes, and afterwards it may be put again."""
    assert await client.run(ITEMS.get(key)) is None
    await client.run(ITEMS.put(key, "first", {"n": 1}))
    first = await client.run(ITEMS.get(key))
    await client.run(ITEMS.put(key, "second", {"n": 2}, 3_600))
    second = await client.run(ITEMS.get(key))

    assert first is not None
    assert second is not None
    assert (second.id, second.content, ITEMS.marks_of(second)) == (first.id, "second", {"key": key, "n": 2})
    assert (first.expires_at, second.expires_at is not None) == (None, True)
    assert [await client.run(ITEMS.delete(key)) for _ in range(2)] == [True, False]
    await client.run(ITEMS.put(key, "third", {}))
    assert await contents(client) == ["third"]


async def test_items_are_found_by_the_beginning_of_their_keys(client: AsyncClient) -> None:
    """In their collection alone, and as many as are asked for."""
    for key in ("a/1", "a/2", "ab", "b/" + "x" * 300):
        await client.run(ITEMS.put(key, f"item {key[:4]}", {}))
    await client.run(Collection(name="others").put("a/3", "item of others", {}))
    await client.remember("item without a key")

    found = await client.run(ITEMS.found(ITEMS.under("a/")))
    some = await client.run(ITEMS.found(ITEMS.under(""), 2))
    recalled = await client.run(ITEMS.recall("item", ITEMS.under("b/"), 5))

    assert [ITEMS.key_of(one) for one in found] == ["a/2", "a/1"]
    assert len(some) == 2
    assert [one.content for one in recalled] == ["item b/xx"]


async def test_of_two_memories_of_one_key_the_first_found_is_shown(client: AsyncClient) -> None:
    """As there may be for a moment, where two writers meet; pages are read until there are enough keys."""
    for n in range(4):
        await client.remember(f"tea {n}", metadata={"items": {"key": "a"}})
    await client.remember("b", metadata={"items": {"key": "b"}}, created_at=datetime(2024, 1, 1, tzinfo=UTC))

    found = await client.run(ITEMS.found(ITEMS.under(""), 2))
    recalled = await client.run(ITEMS.recall("tea", ITEMS.under("a"), 5))

    assert [one.content for one in found] == ["tea 3", "b"]
    assert len(recalled) == 1


async def test_writers_of_one_key_leave_one_memory(client: AsyncClient) -> None:
    """Which of them wins is open."""
    await asyncio.gather(*(client.run(ITEMS.put("a", f"by {n}", {})) for n in range(6)))

    memory = await client.run(ITEMS.get("a"))
    assert memory is not None
    assert await contents(client) == [memory.content]


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
