"""The history that a store in memory keeps, if it is told to: the newest version and all that were superseded."""

import random
from itertools import permutations

import pytest
from msgspec.structs import replace

from providers.errors import InvalidInput, MemoryDeleted, Unsupported
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.states.editing import tombstone_for
from tests.providers.journal.rig import remember, update
from tests.support.versions import EVERY_VERSION, versions_of

ID = "00000000-0000-4000-8000-000000000001"
FIRST = remember(ID).state
SECOND = update(ID, "coffee").state
THIRD = update(ID, "milk", base=2, version=3).state
TOMBSTONE = tombstone_for(THIRD, 4)
OWNER = FIRST.owner


def historian() -> MockMemoryProvider:
    """Return an empty store that keeps history."""
    return MockMemoryProvider(retention=EVERY_VERSION)


async def test_every_version_is_kept_in_whatever_order_it_comes() -> None:
    """Newest ones by `put_many`, superseded ones by either; a repetition changes nothing."""
    for order in permutations((FIRST, SECOND, THIRD)):
        for as_newest in (True, False):
            store = historian()
            for state in (*order, random.Random(1).choice(order)):  # noqa: S311 - seeded
                put = store.put_many if as_newest or state is THIRD else store.put_versions
                assert await put([state]) == [None]

            assert await versions_of(store, OWNER, ID) == [FIRST, SECOND, THIRD]
            assert await store.snapshot(OWNER, ID) == THIRD


async def test_callers_changes_are_kept() -> None:
    """A memory that is edited has the version before in its history."""
    store = historian()
    memory_id = await store.remember("kannan", "tea", {"a": [1]})
    await store.update("kannan", memory_id, content="coffee")
    found = await versions_of(store, Owner("kannan"), memory_id)
    assert [state.content for state in found] == ["tea", "coffee"]
    assert found[0].metadata is not None
    found[0].metadata["a"].append(2)

    assert (await versions_of(store, Owner("kannan"), memory_id))[0].metadata == {"a": [1]}
    await store.delete("kannan", memory_id)
    assert [state.content for state in await versions_of(store, Owner("kannan"), memory_id)] == [None]


async def test_a_version_that_is_there_stays() -> None:
    """Another state of the same version is ignored."""
    store = historian()
    other = replace(SECOND, content="another", edits=())
    for state in (SECOND, other):
        await store.put_versions([state])
    await store.put_many([THIRD])

    assert await versions_of(store, OWNER, ID) == [SECOND, THIRD]


@pytest.mark.parametrize("known", [True, False])
async def test_a_tombstone_erases_the_history_and_nothing_is_taken_after_it(known: bool) -> None:  # noqa: FBT001 - a parameter
    """Whether the newest version had come before or not."""
    store = historian()
    await store.put_versions([FIRST, SECOND])
    if known:
        await store.put_many([THIRD])
    assert await store.put_many([TOMBSTONE]) == [None]

    assert [type(one) for one in await store.put_versions([FIRST, SECOND])] == [MemoryDeleted] * 2
    assert [type(one) for one in await store.put_many([THIRD])] == [MemoryDeleted]
    assert [state.deleted for state in await versions_of(store, OWNER, ID)] == [True]


async def test_reads_show_the_newest_version_alone() -> None:
    """A memory of which only superseded versions have come is not there yet."""
    store = historian()
    await store.put_versions([FIRST, SECOND])
    assert await store.list_memories(FIRST.user_id) == []
    assert await store.snapshot(OWNER, ID) is None
    await store.put_many([THIRD])

    assert [memory.content for memory in await store.list_memories(FIRST.user_id)] == ["milk"]
    assert await store.recall(FIRST.user_id, "coffee", 5) == []


async def test_impossible_versions_are_refused_one_by_one() -> None:
    """A tombstone is superseded by nothing."""
    answers = await historian().put_versions([TOMBSTONE, FIRST, replace(SECOND, digest=b"")])

    assert [type(answer) for answer in answers] == [InvalidInput, type(None), InvalidInput]


async def test_a_store_keeps_no_history_unless_it_is_told_to() -> None:
    """It refuses superseded versions, and has nothing but the newest one."""
    store = MockMemoryProvider()
    assert not store.keeps_history
    with pytest.raises(Unsupported):
        await store.put_versions([FIRST])
    await store.put_many([FIRST, SECOND])

    assert await versions_of(store, OWNER, ID) == [SECOND]
