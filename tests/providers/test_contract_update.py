"""What every provider promises of updates: the newest version wins, and a retry changes nothing."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from msgspec import UNSET, UnsetType

from providers.base import MemoryProvider
from providers.errors import Conflict, MemoryNotFound
from providers.states.clock import HybridClock
from providers.types import Metadata

NEWER = 2000 << 16


@pytest.mark.parametrize(
    ("content", "metadata", "expected"),
    [
        pytest.param("coffee", UNSET, ("coffee", {"a": 1}), id="content"),
        pytest.param(UNSET, {"b": 2}, ("tea", {"b": 2}), id="metadata"),
        pytest.param(UNSET, None, ("tea", None), id="metadata to null"),
        pytest.param(UNSET, {}, ("tea", {}), id="metadata to empty"),
        pytest.param("coffee", {"b": 2}, ("coffee", {"b": 2}), id="both"),
        pytest.param("coffee", None, ("coffee", None), id="both, to null"),
    ],
)
async def test_an_update_replaces_what_is_given(
    provider: MemoryProvider,
    user: str,
    content: str | UnsetType,
    metadata: Metadata | UnsetType | None,
    expected: tuple[str, Metadata | None],
) -> None:
    """What is given is replaced, what is left out stays, and the answer is the memory as it is now."""
    memory_id = await provider.remember(user, "tea", {"a": 1})
    before = await provider.get(user, memory_id)

    record = await provider.update(user, memory_id, content=content, metadata=metadata)

    assert (record.content, record.metadata) == expected
    assert (record.id, record.user_id, record.created_at) == (memory_id, user, before.created_at)
    assert record.updated_at is not None
    assert record.similarity_score is None
    assert await provider.get(user, memory_id) == record


async def test_an_update_of_nothing_changes_nothing(provider: MemoryProvider, user: str) -> None:
    """Without content and metadata the answer is the memory as it was, never updated."""
    memory_id = await provider.remember(user, "tea", {"a": 1})
    before = await provider.get(user, memory_id)

    assert await provider.update(user, memory_id) == before
    assert await provider.get(user, memory_id) == before


async def test_an_unknown_memory_cannot_be_updated(provider: MemoryProvider, user: str) -> None:
    """An update stores nothing where nothing was."""
    memory_id = str(uuid4())

    with pytest.raises(MemoryNotFound):
        await provider.update(user, memory_id, content="tea")
    assert await provider.list_memories(user) == []
    assert await provider.remember(user, "coffee", memory_id=memory_id) == memory_id


async def test_a_deleted_memory_cannot_be_updated(provider: MemoryProvider, user: str) -> None:
    """An update does not bring a deleted memory back, however new it is."""
    memory_id = await provider.remember(user, "tea", version=1000)
    await provider.delete(user, memory_id, version=1001)

    with pytest.raises(MemoryNotFound):
        await provider.update(user, memory_id, content="tea", version=NEWER)
    assert await provider.list_memories(user) == []
    assert await provider.recall(user, "tea") == []


@pytest.mark.parametrize("version", [0, NEWER - 1, NEWER])
async def test_a_stale_version_changes_nothing(provider: MemoryProvider, user: str, version: int) -> None:
    """A version that is not newer than the stored one changes nothing; the answer is what is there."""
    memory_id = await provider.remember(user, "tea", version=1000)
    newest = await provider.update(user, memory_id, content="coffee", version=NEWER)

    assert await provider.update(user, memory_id, content="water", metadata={"a": 1}, version=version) == newest
    assert await provider.get(user, memory_id) == newest


async def test_the_first_version_counts_too(provider: MemoryProvider, user: str) -> None:
    """An update must be newer than the write that stored the memory; one more is enough."""
    memory_id = await provider.remember(user, "tea", version=NEWER)

    assert (await provider.update(user, memory_id, content="old", version=NEWER)).content == "tea"
    assert (await provider.update(user, memory_id, content="new", version=NEWER + 1)).content == "new"


async def test_updates_in_any_order_end_alike(provider: MemoryProvider, user: str) -> None:
    """The update with the newest version stands in the end, whatever came last."""
    memory_id = await provider.remember(user, "tea", version=1)

    for version in (5, 2, 9, 3, 7):
        await provider.update(user, memory_id, content=f"tea {version}", version=version)

    assert (await provider.get(user, memory_id)).content == "tea 9"


async def test_an_update_without_version_is_newer_than_all(provider: MemoryProvider, user: str) -> None:
    """A version minted by the provider wins over one stored from a clock that runs ahead."""
    ahead = HybridClock().next() + (3_600_000 << 16)
    memory_id = await provider.remember(user, "tea", version=ahead)

    assert (await provider.update(user, memory_id, content="coffee")).content == "coffee"
    assert (await provider.update(user, memory_id, content="late", version=ahead)).content == "coffee"
    assert (await provider.update(user, memory_id, content="water")).content == "water"


async def test_a_retried_edit_does_not_undo_a_later_one(provider: MemoryProvider, user: str) -> None:
    """An edit that was applied already changes nothing, even with a new version and in capitals."""
    memory_id = await provider.remember(user, "tea")
    edit = str(uuid4())
    await provider.update(user, memory_id, content="coffee", edit_id=edit)
    later = await provider.update(user, memory_id, content="water", metadata={"a": 1}, edit_id=str(uuid4()))

    newer = HybridClock().next() + (60_000 << 16)
    assert await provider.update(user, memory_id, content="coffee", edit_id=edit) == later
    assert await provider.update(user, memory_id, content="coffee", edit_id=edit.upper(), version=newer) == later
    assert await provider.get(user, memory_id) == later


async def test_another_edit_of_the_same_name_is_refused(provider: MemoryProvider, user: str) -> None:
    """As long as the first is remembered; nothing is changed, and the first may still be retried."""
    memory_id = await provider.remember(user, "tea")
    name = str(uuid4())[:28]
    stored = await provider.update(user, memory_id, content="coffee", edit_id=f"{name}00000000")

    for version in (None, 1, HybridClock().next() + (60_000 << 16)):
        with pytest.raises(Conflict):
            await provider.update(user, memory_id, content="water", edit_id=f"{name}00000001", version=version)
    assert await provider.update(user, memory_id, content="coffee", edit_id=f"{name}00000000") == stored
    assert await provider.get(user, memory_id) == stored


async def test_sixteen_edits_are_remembered(provider: MemoryProvider, user: str) -> None:
    """Each of the last sixteen edits of a memory may be retried."""
    memory_id = await provider.remember(user, "tea")
    edits = [str(uuid4()) for _ in range(16)]
    for number, edit in enumerate(edits):
        await provider.update(user, memory_id, content=f"tea {number}", edit_id=edit)

    retries = [await provider.update(user, memory_id, content="late", edit_id=edit) for edit in edits]

    assert {record.content for record in retries} == {"tea 15"}


async def test_an_edit_belongs_to_its_memory(provider: MemoryProvider, user: str) -> None:
    """The same edit id on another memory is another edit."""
    edit = str(uuid4())
    memories = [await provider.remember(user, f"tea {number}") for number in range(2)]

    records = [await provider.update(user, memory, content="coffee", edit_id=edit) for memory in memories]

    assert [record.content for record in records] == ["coffee", "coffee"]


async def test_an_update_keeps_the_place_in_the_list(provider: MemoryProvider, user: str) -> None:
    """The list goes by when memories were made, not by when they were edited."""
    memories = [
        await provider.remember(user, "tea", created_at=datetime(2026, 3, day, tzinfo=UTC)) for day in range(1, 4)
    ]

    await provider.update(user, memories[0], content="coffee")

    assert [memory.id for memory in await provider.list_memories(user)] == memories[::-1]
