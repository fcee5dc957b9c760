"""What every provider promises of calls at once and calls broken off: one memory, wholly or not at all."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

import pytest

from providers.base import MemoryProvider
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound
from providers.owners import Owner
from providers.types import NewMemory

# Seconds after which a call is broken off: at once, at its first steps, and around the end of one on a database.
MOMENTS = [0, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.013]


async def break_off(call: Coroutine[Any, Any, object], steps: int, seconds: float) -> None:
    """Start the call, let it take so many steps of the loop and so much time, and cancel it."""
    task = asyncio.create_task(call)
    for _ in range(steps):
        await asyncio.sleep(0)
    if seconds:
        await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_twenty_equal_writes_at_once_are_one_memory(provider: MemoryProvider, user: str) -> None:
    """However many store the same memory under the same id, all succeed and there is one."""
    memory_id = str(uuid4())

    ids = await asyncio.gather(*(provider.remember(user, "tea", {"a": 1}, memory_id=memory_id) for _ in range(20)))

    assert set(ids) == {memory_id}
    assert [memory.id for memory in await provider.list_memories(user)] == [memory_id]
    assert [memory.id for memory in await provider.recall(user, "tea")] == [memory_id]


async def test_of_different_writes_at_once_one_wins(provider: MemoryProvider, user: str) -> None:
    """Of different memories under one id exactly one is stored, and the others are told."""
    memory_id = str(uuid4())

    answers = await asyncio.gather(
        *(provider.remember(user, f"tea {number}", memory_id=memory_id) for number in range(20)),
        return_exceptions=True,
    )

    winner = answers.index(memory_id)
    assert Counter(map(type, answers)) == {str: 1, Conflict: 19}
    assert [memory.content for memory in await provider.list_memories(user)] == [f"tea {winner}"]


async def test_equal_batches_at_once_are_one_batch(provider: MemoryProvider, user: str) -> None:
    """Batches that share ids, in opposite orders, do not hinder each other."""
    batch = [NewMemory(owner=Owner(user), content=f"tea {number}", memory_id=str(uuid4())) for number in range(30)]
    ids = [memory.memory_id for memory in batch]

    answers = await asyncio.gather(
        *(provider.remember_many(batch if turn % 2 else batch[::-1]) for turn in range(6)),
    )

    assert answers == [ids if turn % 2 else ids[::-1] for turn in range(6)]
    assert len(await provider.list_memories(user)) == 30


async def test_a_delete_among_writes_wins(provider: MemoryProvider, user: str) -> None:
    """Whatever comes first of a delete and repeated writes of a memory, it is gone in the end."""
    memory_id = await provider.remember(user, "tea", memory_id=str(uuid4()), version=0)

    deleted, answers = await _deleted_among_writes(provider, user, memory_id)

    assert deleted is True
    assert all(answer == memory_id or isinstance(answer, MemoryDeleted) for answer in answers)
    assert await provider.list_memories(user) == []


async def test_a_delete_among_first_writes_says_what_becomes_of_them(provider: MemoryProvider, user: str) -> None:
    """It has deleted a memory, which is gone for ever, or it came before them all, and nothing is lost."""
    memory_id = str(uuid4())

    deleted, answers = await _deleted_among_writes(provider, user, memory_id)

    assert all(answer == memory_id or (deleted and isinstance(answer, MemoryDeleted)) for answer in answers)
    assert [memory.id for memory in await provider.list_memories(user)] == ([] if deleted else [memory_id])


async def _deleted_among_writes(provider: MemoryProvider, user: str, memory_id: str) -> tuple[object, list[object]]:
    calls: list[Coroutine[Any, Any, object]] = [
        provider.remember(user, "tea", memory_id=memory_id, version=number) for number in range(10)
    ]
    calls.insert(5, provider.delete(user, memory_id))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return answers.pop(5), answers


async def test_of_deletes_at_once_one_finds_the_memory(provider: MemoryProvider, user: str) -> None:
    """Exactly one of many deletes says that there was a memory."""
    memory_id = await provider.remember(user, "tea")

    answers = await asyncio.gather(*(provider.delete(user, memory_id) for _ in range(10)))

    assert Counter(answers) == {True: 1, False: 9}


@pytest.mark.parametrize("step", [1, 7, 19])
async def test_of_updates_at_once_the_newest_version_stands(provider: MemoryProvider, user: str, step: int) -> None:
    """Updates of one memory in any order end with the content and metadata of the newest version."""
    memory_id = await provider.remember(user, "tea", version=1)
    versions = [2 + number * step % 20 for number in range(20)]  # each once: the step shares no factor with 20

    await asyncio.gather(
        *(
            provider.update(user, memory_id, content=f"tea {version}", metadata={"v": version}, version=version)
            for version in versions
        )
    )

    memory = await provider.get(user, memory_id)
    assert (memory.content, memory.metadata) == (f"tea {max(versions)}", {"v": max(versions)})


async def test_updates_of_different_memories_at_once_all_stand(provider: MemoryProvider, user: str) -> None:
    """No update is lost to one of another memory."""
    ids = [await provider.remember(user, "tea") for _ in range(20)]

    await asyncio.gather(*(provider.update(user, memory_id, content=f"tea {memory_id}") for memory_id in ids))

    contents = {memory.id: memory.content for memory in await provider.list_memories(user)}
    assert contents == {memory_id: f"tea {memory_id}" for memory_id in ids}


async def test_updates_of_different_parts_at_once_both_stand(provider: MemoryProvider, user: str) -> None:
    """What an update leaves out stays as another one made it."""
    memory_id = await provider.remember(user, "tea")

    await asyncio.gather(
        *(provider.update(user, memory_id, content="coffee") for _ in range(5)),
        *(provider.update(user, memory_id, metadata={"a": 1}) for _ in range(5)),
    )

    memory = await provider.get(user, memory_id)
    assert (memory.content, memory.metadata) == ("coffee", {"a": 1})


async def test_retries_of_an_edit_at_once_are_one_edit(provider: MemoryProvider, user: str) -> None:
    """An edit sent many times at once is applied once, and all get the same answer."""
    memory_id = await provider.remember(user, "tea")
    edit = str(uuid4())

    records = await asyncio.gather(
        *(provider.update(user, memory_id, content="coffee", edit_id=edit) for _ in range(10))
    )

    assert records == [await provider.get(user, memory_id)] * 10


@pytest.mark.parametrize("seconds", MOMENTS)
@pytest.mark.parametrize("steps", [0, 1, 3])
async def test_a_write_broken_off_happened_wholly_or_not_at_all(
    provider: MemoryProvider, user: str, steps: int, seconds: float
) -> None:
    """After a cancelled write its retry succeeds, and there is one memory, listed, found and whole."""
    memory_id = str(uuid4())
    await break_off(provider.remember(user, "masala tea", {"a": 1}, memory_id=memory_id), steps, seconds)

    for memory in await provider.list_memories(user):
        assert (memory.id, memory.content, memory.metadata) == (memory_id, "masala tea", {"a": 1})
        assert [hit.id for hit in await provider.recall(user, "masala")] == [memory_id]
    assert await provider.remember(user, "masala tea", {"a": 1}, memory_id=memory_id) == memory_id
    assert [memory.id for memory in await provider.list_memories(user)] == [memory_id]
    assert [hit.id for hit in await provider.recall(user, "masala")] == [memory_id]


@pytest.mark.parametrize("seconds", MOMENTS)
async def test_an_update_broken_off_happened_wholly_or_not_at_all(
    provider: MemoryProvider, user: str, seconds: float
) -> None:
    """A cancelled update leaves the memory as it was or as it should be, and a newer one still succeeds."""
    memory_id = await provider.remember(user, "tea", {"a": 1})
    await break_off(provider.update(user, memory_id, content="coffee", metadata={"a": 2}), 1, seconds)

    memory = await provider.get(user, memory_id)
    assert (memory.content, memory.metadata) in [("tea", {"a": 1}), ("coffee", {"a": 2})]
    assert (await provider.update(user, memory_id, content="water")).content == "water"


@pytest.mark.parametrize("seconds", MOMENTS)
async def test_a_delete_broken_off_happened_wholly_or_not_at_all(
    provider: MemoryProvider, user: str, seconds: float
) -> None:
    """After a cancelled delete its retry leaves no memory, and none can come back."""
    memory_id = await provider.remember(user, "tea")
    await break_off(provider.delete(user, memory_id), 1, seconds)

    await provider.delete(user, memory_id)

    assert await provider.list_memories(user) == []
    with pytest.raises(MemoryNotFound):
        await provider.get(user, memory_id)
    with pytest.raises(MemoryDeleted):
        await provider.remember(user, "tea", memory_id=memory_id)


@pytest.mark.parametrize("seconds", MOMENTS)
async def test_a_batch_broken_off_may_be_repeated(provider: MemoryProvider, user: str, seconds: float) -> None:
    """After a cancelled batch its retry stores what is missing, each memory once."""
    batch = [NewMemory(owner=Owner(user), content=f"tea {number}", memory_id=str(uuid4())) for number in range(20)]
    await break_off(provider.remember_many(batch), 1, seconds)

    assert await provider.remember_many(batch) == [memory.memory_id for memory in batch]
    assert len(await provider.list_memories(user)) == 20


async def test_many_reads_broken_off_leave_the_provider_usable(provider: MemoryProvider, user: str) -> None:
    """Cancelled reads hold nothing back: as many again are answered."""
    memory_id = await provider.remember(user, "tea")
    await asyncio.gather(
        *(break_off(provider.recall(user, "tea"), 1, seconds) for seconds in MOMENTS * 4),
        *(break_off(provider.list_memories(user), 1, seconds) for seconds in MOMENTS * 4),
        *(break_off(provider.get(user, memory_id), 1, seconds) for seconds in MOMENTS * 4),
    )

    answers = await asyncio.gather(*(provider.recall(user, "tea") for _ in range(40)))

    assert [[hit.id for hit in hits] for hits in answers] == [[memory_id]] * 40
