"""What every provider promises of deletes: they win for ever."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from providers.base import MemoryProvider
from providers.errors import InvalidInput, MemoryDeleted, MemoryNotFound
from providers.limits import MAX_BATCH, MAX_LIST_LIMIT
from providers.owners import Owner
from providers.types import NewMemory


async def test_a_deleted_memory_is_gone(provider: MemoryProvider, user: str) -> None:
    """After delete nothing shows the memory."""
    memory_id = await provider.remember(user, "tea")

    assert await provider.delete(user, memory_id) is True
    with pytest.raises(MemoryNotFound):
        await provider.get(user, memory_id)
    assert await provider.list_memories(user) == []
    assert await provider.recall(user, "tea") == []


async def test_the_second_delete_finds_nothing(provider: MemoryProvider, user: str) -> None:
    """Delete tells whether there was a memory: the first time yes, then no, and for an unknown id no."""
    memory_id = await provider.remember(user, "tea")

    assert [await provider.delete(user, memory_id) for _ in range(3)] == [True, False, False]
    assert await provider.delete(user, str(uuid4())) is False


async def test_a_retried_delete_gets_the_answer_that_was_lost(provider: MemoryProvider, user: str) -> None:
    """The edit that deleted the memory hears so again, in capitals too; another edit, or none, does not."""
    memory_id, edit = await provider.remember(user, "tea"), str(uuid4())

    assert await provider.delete(user, memory_id, edit_id=edit) is True
    assert await provider.delete(user, memory_id, edit_id=str(uuid4())) is False
    assert await provider.delete(user, memory_id) is False
    assert await provider.delete(user, memory_id, edit_id=edit.upper()) is True


async def test_a_delete_that_found_nothing_finds_nothing_again(provider: MemoryProvider, user: str) -> None:
    """An edit that deleted no memory stays without one."""
    memory_id, edit = str(uuid4()), str(uuid4())

    assert [await provider.delete(user, memory_id, edit_id=edit) for _ in range(2)] == [False, False]


async def test_an_edit_that_changed_a_memory_did_not_delete_it(provider: MemoryProvider, user: str) -> None:
    """An id used for an update says nothing about a delete by somebody else."""
    memory_id, edit = await provider.remember(user, "tea"), str(uuid4())
    await provider.update(user, memory_id, content="coffee", edit_id=edit)
    await provider.delete(user, memory_id, edit_id=str(uuid4()))

    assert await provider.delete(user, memory_id, edit_id=edit) is False


async def test_delete_wins_over_a_later_put(provider: MemoryProvider, user: str) -> None:
    """A deleted id cannot be stored again, not even as it was and not with a newer version."""
    memory_id = await provider.remember(user, "tea", version=1000)
    await provider.delete(user, memory_id, version=1001)

    for version in (None, 999, 1000, 2000 << 16):
        with pytest.raises(MemoryDeleted):
            await provider.remember(user, "tea", memory_id=memory_id, version=version)
    assert await provider.list_memories(user) == []


async def test_delete_wins_over_a_newer_version(provider: MemoryProvider, user: str) -> None:
    """A delete with an older version than the memory's deletes it all the same."""
    memory_id = await provider.remember(user, "tea", version=2000 << 16)

    assert await provider.delete(user, memory_id, version=1) is True
    assert await provider.list_memories(user) == []


async def test_delete_takes_one_memory_only(provider: MemoryProvider, user: str) -> None:
    """The other memories of the user stay."""
    kept = await provider.remember(user, "tea")
    gone = await provider.remember(user, "tea")

    await provider.delete(user, gone)

    assert [memory.id for memory in await provider.list_memories(user)] == [kept]
    assert [memory.id for memory in await provider.recall(user, "tea")] == [kept]


async def test_everything_of_a_user_is_deleted_for_good(provider: MemoryProvider, user: str, stranger: str) -> None:
    """All of it, edited or not, and nothing of anybody else's; the ids stay empty."""
    ids = [await provider.remember(user, text) for text in ("green tea", "coffee", "milk")]
    await provider.update(user, ids[1], content="black coffee", metadata={"cup": 1})
    kept = await provider.remember(stranger, "green tea")

    assert await provider.delete_all(user) == 3
    assert await provider.list_memories(user) == []
    assert await provider.recall(user, "green tea") == []
    for memory_id in ids:
        with pytest.raises(MemoryDeleted):
            await provider.remember(user, "green tea", memory_id=memory_id)
    assert [memory.id for memory in await provider.list_memories(stranger)] == [kept]
    assert await provider.delete_all(user) == 0


async def test_the_newest_are_deleted_first(provider: MemoryProvider, user: str) -> None:
    """As many as the limit says; what comes afterwards is a memory like any other."""
    moments = [datetime(2026, 3, 1 + day, tzinfo=UTC) for day in range(3)]
    oldest, *_ = [await provider.remember(user, "tea", created_at=moment) for moment in moments]

    assert await provider.delete_all(user, 2) == 2
    assert [memory.id for memory in await provider.list_memories(user)] == [oldest]
    new = await provider.remember(user, "coffee")
    assert [memory.id for memory in await provider.list_memories(user)] == [new, oldest]


async def test_more_than_a_page_is_deleted(provider: MemoryProvider, user: str) -> None:
    """One call goes through several pages of the list."""
    await provider.remember_many(
        [NewMemory(owner=Owner(user), content=f"memory {n}") for n in range(MAX_LIST_LIMIT + 5)]
    )

    assert await provider.delete_all(user, MAX_LIST_LIMIT + 3) == MAX_LIST_LIMIT + 3
    assert len(await provider.list_memories(user)) == 2


@pytest.mark.parametrize("limit", [0, MAX_BATCH + 1])
async def test_so_many_cannot_be_deleted_in_one_call(provider: MemoryProvider, user: str, limit: int) -> None:
    """The limit is refused, and nothing is deleted."""
    memory_id = await provider.remember(user, "tea")

    with pytest.raises(InvalidInput, match="limit"):
        await provider.delete_all(user, limit)
    assert [memory.id for memory in await provider.list_memories(user)] == [memory_id]
    assert await provider.delete_all(user, MAX_BATCH) == 1
