"""What every provider promises of sources: the newest write's comes back, and chooses memories."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.errors import InvalidInput
from providers.owners import Owner
from providers.replica import Replica
from providers.source import MAX_CALLER_CHARS, WriterWindow, WriteSource
from providers.types import Conditions, Edit, NewMemory, PageQuery, RecallQuery

AT = datetime(2026, 5, 4, 3, 2, 1, 123_000, tzinfo=UTC)
FIRST = WriteSource(origin="tool", caller="context:planner \"'\\ Zoë", key="planner", at=AT)
SECOND = WriteSource(origin="user", caller="jwt:0123", at=AT)


async def stored(provider: MemoryProvider, owner: Owner, *sources: WriteSource | None) -> list[str]:
    """Store a memory of each source, and return their ids."""
    batch = [NewMemory(owner=owner, content="green tea", source=source) for source in sources]
    ids = [one.id for one in await provider.store_many(batch) if isinstance(one, Stored)]
    assert len(ids) == len(sources)
    return ids


async def test_the_source_of_the_newest_write_is_read_with_a_memory(provider: MemoryProvider, user: str) -> None:
    """By get, list and recall, and in the state that is copied; an edit brings its own, also none."""
    assert isinstance(provider, Replica)
    owner = Owner(user)
    [memory_id] = await stored(provider, owner, FIRST)
    read = [
        (await provider.fetch(owner, memory_id)).memory,
        *(await provider.page(PageQuery(owner=owner))).memories,
        *(await provider.find(RecallQuery(owner=owner, query="green tea"))).memories,
    ]
    state = await provider.snapshot(owner, memory_id)

    changed = await provider.change(Edit(owner=owner, memory_id=memory_id, content="black tea", source=SECOND))
    edited = await provider.snapshot(owner, memory_id)
    unknown = await provider.change(Edit(owner=owner, memory_id=memory_id, session="one"))
    empty = await provider.change(Edit(owner=owner, memory_id=memory_id, source=FIRST))

    assert [memory.source for memory in read] == 3 * [FIRST]
    assert state is not None
    assert edited is not None
    assert (state.source, changed.memory.source, edited.source) == (FIRST, SECOND, SECOND)
    assert (unknown.memory.source, empty.memory.source) == (None, None)


async def test_a_copied_state_keeps_its_source_and_a_tombstone_has_none(provider: MemoryProvider, user: str) -> None:
    """Whatever else is beside it that this program does not know."""
    assert isinstance(provider, Replica)
    owner = Owner(user)
    [memory_id] = await stored(provider, owner, FIRST)
    state = await provider.snapshot(owner, memory_id)
    assert state is not None
    # Its version is not the provider's: where a test has stored the greatest one, that mints none that a copy may have.
    copy = replace(state, user_id=f"{user} too", version=7, unknown='{"mood":"good"}')

    assert await provider.put_many([copy]) == [None]
    await provider.delete(user, memory_id)
    deleted = await provider.snapshot(owner, memory_id)

    assert await provider.snapshot(copy.owner, memory_id) == copy
    assert deleted is not None
    assert (deleted.deleted, deleted.source) == (True, None)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(origin="tool"), {0}),
        (Conditions(source_caller="jwt:0123"), {1}),
        (Conditions(source_key="planner"), {0}),
        (Conditions(source_key="planner", origin="user"), set()),
        (Conditions(origin="user"), {1}),
    ],
)
async def test_sources_choose_memories(
    provider: MemoryProvider, user: str, conditions: Conditions, expected: set[int]
) -> None:
    """In list, count, recall and deletion; a memory of no source has none that is asked for."""
    owner = Owner(user)
    ids = await stored(provider, owner, FIRST, SECOND, None)
    chosen = {name: getattr(conditions, name) for name in Conditions.__struct_fields__}

    page = await provider.page(PageQuery(owner=owner, total=True, **chosen))
    found = await provider.find(RecallQuery(owner=owner, query="tea", **chosen))
    erased = await provider.erase_all(owner, conditions=conditions)
    left = await provider.page(PageQuery(owner=owner))

    assert page.total == len(expected)
    assert {ids.index(memory.id) for memory in page.memories} == expected
    assert {ids.index(memory.id) for memory in found.memories} == expected
    assert erased.count == len(expected)
    assert {ids.index(memory.id) for memory in left.memories} == {0, 1, 2} - expected


async def test_sources_have_limits(provider: MemoryProvider, user: str) -> None:
    """A caller and a key have 1 to 255 characters, and no NUL."""
    owner, longest = Owner(user), "c" * MAX_CALLER_CHARS
    [memory_id] = await stored(provider, owner, WriteSource(caller=longest, key=longest))

    assert (await provider.get(user, memory_id)).source == WriteSource(caller=longest, key=longest)
    for wrong in ("", " ", longest + "x", "a\0b"):
        for call in (
            provider.store(NewMemory(owner=owner, content="tea", source=WriteSource(caller=wrong))),
            provider.change(Edit(owner=owner, memory_id=memory_id, content="no", source=WriteSource(key=wrong))),
            provider.page(PageQuery(owner=owner, source_key=wrong)),
        ):
            with pytest.raises(InvalidInput):
                await call


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (WriterWindow(key="planner", since=AT), {1, 2}),
        (WriterWindow(key="planner", since=AT + timedelta(milliseconds=1)), {0, 1, 2}),
        (WriterWindow(key="planner", since=AT - timedelta(days=1), until=AT), {0, 1, 2}),
        (WriterWindow(key="planner", since=AT, until=AT + timedelta(milliseconds=1)), {1, 2}),
        (WriterWindow(caller="jwt:0123", since=AT), {0, 2}),
        (WriterWindow(key="planner", caller="jwt:0123", since=AT), {0, 1, 2}),
    ],
)
async def test_what_somebody_wrote_is_left_out_of_lists(
    provider: MemoryProvider, user: str, written: WriterWindow, expected: set[int]
) -> None:
    """And of counts, from a moment on and before another one; a memory of no source is never."""
    owner = Owner(user)
    ids = await stored(provider, owner, FIRST, SECOND, None)

    page = await provider.page(PageQuery(owner=owner, total=True, hidden=(written,)))

    assert {ids.index(memory.id) for memory in page.memories} == expected
    assert page.total == len(expected)
