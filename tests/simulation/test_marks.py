"""Simulated stores keep marks, and what stands before them lets them through or makes them fail."""

from random import Random

import pytest
from msgspec.structs import replace

from providers.errors import Unavailable
from providers.introduction import StoreMark
from providers.memory.provider import MockMemoryProvider
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.simulation.faulty import FaultyReplica, Life, Weather
from tests.simulation.script import Fault, Mode
from tests.simulation.stores import WeakStore, late
from tests.support.frail import FrailProvider

FIRST = StoreMark(installation="i", journal="j", epoch=1, number=1, at=1.0)
SECOND = replace(FIRST, number=2)


def faulty(store: Replica, *faults: Fault) -> FaultyReplica:
    """Put a replica's way with faults before a store."""
    return FaultyReplica("a", lambda: store, Weather(Random(1), faults, lambda: 0.0), Life())


async def test_a_weak_store_keeps_one_mark() -> None:
    """Also as a write meets it that looked long ago."""
    store = WeakStore(HybridClock(), "weak")
    assert (await store.introduce()).mark is None
    assert await late(store).leave_mark(FIRST, None)
    assert not await store.leave_mark(SECOND, None)

    assert (await store.introduce()).mark == FIRST
    assert (await store.introduce()).identity == await store.identity()


@pytest.mark.parametrize("store", [MockMemoryProvider(), WeakStore(HybridClock(), "weak"), FrailProvider()])
async def test_a_replica_reaches_the_mark(store: Replica) -> None:
    """What stands in between changes neither the introduction nor the mark."""
    way = faulty(store)
    assert await way.leave_mark(FIRST, None)
    assert not await way.leave_mark(FIRST, None)

    assert await way.introduce() == await store.introduce()
    assert (await way.introduce()).mark == FIRST


@pytest.mark.parametrize("mode", [Mode.REFUSED, Mode.APPLIED_THEN_ERROR])
async def test_a_fault_meets_marks_as_writes(mode: Mode) -> None:
    """A mark may be left although its answer is lost."""
    store = MockMemoryProvider()
    way = faulty(store, Fault(where="a", mode=mode, at=0.0, seconds=1.0, share=1.0))
    with pytest.raises(Unavailable) as failure:
        await way.leave_mark(FIRST, None)
    with pytest.raises(Unavailable):
        await way.introduce()

    applied = mode is Mode.APPLIED_THEN_ERROR
    assert failure.value.ambiguous is applied
    assert ((await store.introduce()).mark == FIRST) is applied


@pytest.mark.parametrize("method", ["introduce", "leave_mark", "*"])
async def test_a_frail_store_fails_where_it_is_told(method: str) -> None:
    """Each of the two calls is one call, and fails by its name or with all others."""
    store = FrailProvider()
    await store.introduce()
    await store.leave_mark(FIRST, None)
    assert store.calls == ["introduce", "leave_mark"]
    store.failures[method] = Unavailable("down")

    for name, call in {"introduce": store.introduce(), "leave_mark": store.leave_mark(SECOND, FIRST)}.items():
        if method in {name, "*"}:
            with pytest.raises(Unavailable):
                await call
        else:
            await call


async def test_a_frail_store_is_restored_with_its_mark() -> None:
    """A backup has the mark of its time; a store that begins anew has none."""
    store = FrailProvider()
    await store.leave_mark(SECOND, None)
    store.restore([], FIRST)
    assert (await store.introduce()).mark == FIRST
    store.begin_anew()
    assert (await store.introduce()).mark is None
