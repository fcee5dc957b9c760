"""A bulkhead lets so many in and no more, first come first, and loses no place."""

import asyncio
import contextlib

import pytest

from providers.chain.bulkhead import Bulkhead
from providers.chain.errors import BulkheadFull
from tests.support.clock import FakeClock, simulate, simulate_cancelled


async def hold(bulkhead: Bulkhead, patience: float, seconds: float) -> float:
    """Take a place, keep it, and tell when it was given."""
    await bulkhead.enter(patience)
    try:
        given = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
    finally:
        bulkhead.leave()
    return given


def test_no_more_than_its_places_are_taken() -> None:
    """Of twenty callers eight are in at a time, and the others follow in the order in which they came."""

    async def main(clock: FakeClock) -> list[float]:
        bulkhead, began = Bulkhead("home", 8), clock.now
        calls = asyncio.gather(*(hold(bulkhead, 10.0, 1.0) for _ in range(20)))
        await asyncio.sleep(0.5)
        assert (bulkhead.in_flight, bulkhead.waiting) == (8, 12)
        given = await calls
        assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)
        return [moment - began for moment in given]

    assert simulate(main) == [0.0] * 8 + [1.0] * 8 + [2.0] * 4


@pytest.mark.parametrize("patience", [0.0, 0.25])
def test_patience_ends_the_wait(patience: float) -> None:
    """Who gets no place in time is refused then, with an error that says that nothing was sent."""

    async def main(clock: FakeClock) -> None:
        bulkhead = Bulkhead("home", 1)
        holder = asyncio.ensure_future(hold(bulkhead, 0.0, 1.0))
        await asyncio.sleep(0.1)
        began = clock.now
        with pytest.raises(BulkheadFull) as refusal:
            await hold(bulkhead, patience, 1.0)
        assert clock.now - began == pytest.approx(patience)
        assert not refusal.value.ambiguous
        await holder
        await hold(bulkhead, 0.0, 1.0)

    simulate(main)


def test_a_place_is_never_lost() -> None:
    """Whenever one of the callers is cancelled, waiting or in, every place is free at the end."""
    bulkheads: list[Bulkhead] = []

    async def patient(bulkhead: Bulkhead, patience: float) -> None:
        with contextlib.suppress(BulkheadFull):
            await hold(bulkhead, patience, 1.0)

    async def main(_clock: FakeClock) -> None:
        bulkhead = Bulkhead("home", 2)
        bulkheads.append(bulkhead)
        async with asyncio.TaskGroup() as group:
            for patience in (0.0, 0.5, 1.0, 1.5, 3.0):
                group.create_task(patient(bulkhead, patience))

    step = 1
    while simulate_cancelled(step, main):
        step += 1
    assert step > 5
    for bulkhead in bulkheads:
        assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)
        assert bulkhead.enter_now()
        assert bulkhead.enter_now()
