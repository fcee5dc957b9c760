"""What stores lack of a memory is decided by its states alone, and putting the merge of them into all ends it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from providers.chain.comparing.comparison import Fault, compare, fault
from providers.memory.provider import MockMemoryProvider
from providers.types import Snapshot
from tests.support.states import live, tombstone

TEA = live("kannan")
NEWER = replace(TEA, version=2_000, content="coffee")
GONE = tombstone(TEA, 1_500)
OTHER_TEXT = replace(TEA, content="water")
STATES = [None, TEA, NEWER, GONE, replace(GONE, version=1_700), replace(TEA, version=1_500)]


@pytest.mark.parametrize(
    ("held", "wanted", "kind"),
    [
        (None, TEA, Fault.MISSING),
        (TEA, NEWER, Fault.OLDER),
        (NEWER, NEWER, None),
        (NEWER, GONE, Fault.UNDELETED),
        (None, GONE, Fault.UNRECORDED),
        (replace(GONE, version=1), GONE, None),
        (OTHER_TEXT, TEA, Fault.CONFLICTING),
        (replace(TEA, metadata={"a": 1.0}), replace(TEA, metadata={"a": 1}), None),
    ],
)
def test_a_store_falls_short_in_one_way(held: Snapshot | None, wanted: Snapshot, kind: Fault | None) -> None:
    """Each way has a name; of tombstones the versions do not count."""
    assert fault(held, wanted) is kind


def test_a_deletion_wins_wherever_it_is_known() -> None:
    """A witness's tombstone counts like a member's; its live memories, and what it lacks, do not."""
    found = compare({"a": TEA, "b": None, "witness": GONE}, {"a", "b"})

    assert found is not None
    assert (found.wanted, found.faults) == (GONE, {"a": Fault.UNDELETED, "b": Fault.UNRECORDED})
    assert compare({"a": TEA, "b": TEA, "witness": NEWER}, {"a", "b"}) is None
    assert compare({"a": TEA, "b": TEA, "witness": None}, {"a", "b"}) is None
    assert compare({"a": None, "b": None, "witness": TEA}, {"a", "b"}) is None


def test_a_source_has_its_say_and_falls_short_of_nothing() -> None:
    """It is asked for what it has, and gets nothing."""
    found = compare({"a": None, "source": TEA}, {"a"}, {"source"})

    assert found is not None
    assert (found.wanted, found.faults) == (TEA, {"a": Fault.MISSING})
    assert compare({"a": TEA, "source": None}, {"a"}, {"source"}) is None


@given(st.lists(st.sampled_from(STATES), min_size=2, max_size=4))
@settings(deadline=None)
async def test_putting_the_wanted_state_ends_every_difference(states: list[Snapshot | None]) -> None:
    """Whatever stores hold, the real merge of a store agrees with the comparison."""
    stores = {str(number): MockMemoryProvider() for number in range(len(states))}
    for store, state in zip(stores.values(), states, strict=True):
        if state is not None:
            await store.put_many([state])
    held = {name: await store.snapshot(TEA.owner, TEA.id) for name, store in stores.items()}

    found = compare(held, stores.keys())
    if found is None:
        assert len({state is None or state.deleted or state.version for state in held.values()}) == 1
        return
    for name in found.faults:
        await stores[name].put_many([found.wanted])
    after = {name: await store.snapshot(TEA.owner, TEA.id) for name, store in stores.items()}
    assert compare(after, stores.keys()) is None
