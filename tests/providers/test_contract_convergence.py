"""What every provider promises of states put in any order: the same end everywhere.

See `test_contract_properties.py` for how Hypothesis drives coroutines.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.owners import Owner
from providers.replica import Replica
from providers.states.digests import digest_of
from providers.states.merging import merged
from providers.types import Snapshot
from tests.support.states import live, moment_of

REPRODUCIBLE = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)

IDS = [str(UUID(int=number << 100 | 4 << 76 | 8 << 60)) for number in (7, 2, 5)]
EDITS = [str(UUID(int=number << 100 | 4 << 76 | 8 << 60)) for number in (3, 1, 2)]
MOMENTS = {memory_id: moment_of(number << 26) for number, memory_id in enumerate(IDS)}  # none ever changes

ids = st.sampled_from(IDS)
versions = st.integers(1, 4)
edits = st.lists(st.sampled_from(EDITS), max_size=2, unique=True).map(tuple)


def memory(memory_id: str, version: int, edited_by: tuple[str, ...]) -> Snapshot:
    """A live state; another edit made another content."""
    return Snapshot(
        user_id="anybody",
        id=memory_id,
        version=version,
        content=f"tea {version} {edited_by}",
        metadata={"version": version},
        created_at=MOMENTS[memory_id],
        updated_at=moment_of(version << 26) if edited_by else None,
        digest=digest_of("tea", None),
        edits=edited_by,
    )


def deletion(memory_id: str, version: int, edited_by: tuple[str, ...], found: bool) -> Snapshot:  # noqa: FBT001 - drawn
    """A tombstone that knows of the memory, or not."""
    moment = MOMENTS[memory_id] if found else None
    return Snapshot(
        user_id="anybody", id=memory_id, version=version, content=None, created_at=moment, edits=edited_by[:1]
    )


memories = st.builds(memory, ids, versions, edits)
deletions = st.builds(deletion, ids, versions, edits, st.booleans())
sequences = st.lists(memories | memories | memories | deletions, min_size=1, max_size=12)


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, which can be brought to the state of another."""
    assert isinstance(provider, Replica)
    return provider


async def put(replica: Replica, user: str, states: Sequence[Snapshot], sizes: Sequence[int]) -> list[Snapshot]:
    """Put the states in batches of these sizes, over and over, and give what is there in the end."""
    states = [replace(state, user_id=user) for state in states]
    turn = 0
    while states:
        size = sizes[turn % len(sizes)]
        await replica.put_many(states[:size])
        states, turn = states[size:], turn + 1
    return [replace(state, user_id="anybody") for state in await replica.snapshots(Owner(user))]


def joined(states: Sequence[Snapshot]) -> list[Snapshot]:
    """What must be there in the end, by ascending id."""
    ends: dict[str, Snapshot] = {}
    for state in states:
        ends[state.id] = merged(ends.get(state.id, state), state)
    return [ends[memory_id] for memory_id in sorted(ends)]


async def test_any_order_and_any_batches_end_alike(replica: Replica) -> None:
    """The same states, shuffled, repeated and batched otherwise, end in the same memories and tombstones."""

    async def compare(states: list[Snapshot], shuffled: list[Snapshot], sizes: list[int]) -> None:
        expected = joined(states)
        assert await put(replica, f"one-{uuid4()}", states, [1]) == expected
        assert await put(replica, f"other-{uuid4()}", [*shuffled, *states], sizes) == expected

    def run(wait: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        @REPRODUCIBLE
        @given(st.data(), sequences, st.lists(st.integers(1, 13), min_size=1, max_size=4))
        def ends_alike(data: st.DataObject, states: list[Snapshot], sizes: list[int]) -> None:
            wait(compare(states, data.draw(st.permutations(states)), sizes))

        ends_alike()

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(run, lambda call: asyncio.run_coroutine_threadsafe(call, loop).result(timeout=60))


async def test_an_edit_counts_more_than_a_later_first_write(replica: Replica, user: str, stranger: str) -> None:
    """Whichever comes first: a first write is repeated under a later version by a store that lacked the memory."""
    edited = memory(IDS[0], 2, (EDITS[0],))
    beginning = replace(memory(IDS[0], 3, ()), updated_at=None)

    for owner, states in ((user, (beginning, edited)), (stranger, (edited, beginning))):
        assert await put(replica, owner, states, [1]) == [edited]


async def test_a_replica_filled_from_another_is_equal(replica: Replica, user: str, stranger: str) -> None:
    """What calls have made of memories can be read out, put in elsewhere, and is then the same for good."""
    memory_ids = [await replica.remember(user, f"tea {number}", {"n": number}) for number in range(6)]
    for memory_id in memory_ids[:4]:
        await replica.update(user, memory_id, content="coffee", edit_id=str(uuid4()))
    for memory_id in memory_ids[2:5]:
        await replica.delete(user, memory_id, edit_id=str(uuid4()))
    states = [replace(state, user_id=stranger) for state in await replica.snapshots(Owner(user))]

    for _ in range(2):
        await replica.put_many(states)
        assert await replica.snapshots(Owner(stranger)) == states


async def test_batches_at_once_do_not_hinder_each_other(replica: Replica, user: str) -> None:
    """Batches that share memories, in opposite orders, live and deleted, all succeed and end in the newest states."""
    states = [live(user) for _ in range(60)]
    batches = [
        [replace(state, version=version, content=f"tea {version}") for state in states[:: 1 if version % 2 else -1]]
        for version in range(1, 9)
    ]
    deletions = [replace(state, content=None, version=3) for state in states[::3]]

    await asyncio.gather(*map(replica.put_many, [*batches, deletions, deletions[::-1]]))

    ended = {state.id: (state.version, state.content) for state in await replica.snapshots(Owner(user))}
    assert ended == {state.id: (3, None) if number % 3 == 0 else (8, "tea 8") for number, state in enumerate(states)}
