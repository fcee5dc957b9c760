"""Dear work gives way to ordinary requests that it slows down, and to nobody else."""

import asyncio

import pytest

from app.http.admission.dear import DEAR, FIRST, LEAST, MOST_SLOWDOWN, DearLimit
from app.http.admission.sharing import HOLDS_NOTHING, NoRoom, SharedLimit
from tests.support.clock import FakeClock, simulate

MOST = 2_000.0
QUICK = 0.01  # seconds
USER = b"u"


def adjusted(seconds: float, intervals: int, limit: DearLimit | None = None) -> DearLimit:
    """Return a limit after so many intervals in which ordinary requests took so long."""
    limit = limit or DearLimit(MOST)
    for _ in range(intervals):
        limit.sample("get", seconds)
        limit.adjust()
    return limit


def test_dear_work_gives_way() -> None:
    """While ordinary requests take more than twice their usual time, down to what may always be under way."""
    usual = adjusted(QUICK, 1_000)
    slowed = adjusted(QUICK * MOST_SLOWDOWN * 1.5, 20, adjusted(QUICK, 1_000))

    assert (usual.units, slowed.units) == (MOST, LEAST)


def test_it_comes_back() -> None:
    """When they are quick again, and when there are none to be slowed down."""
    slowed = adjusted(10 * QUICK, 20, adjusted(QUICK, 100))
    quick = adjusted(QUICK, 100, slowed)
    alone = adjusted(10 * QUICK, 20, adjusted(QUICK, 100))
    for _ in range(1_000):
        alone.adjust()

    assert quick.units > FIRST * LEAST
    assert alone.units == MOST


def test_each_kind_has_a_usual_time() -> None:
    """A recall that takes longer than a get is not slow."""
    limit = DearLimit(MOST)
    for place in range(1_000):
        limit.sample(*(("get", QUICK) if place % 2 else ("recall", 10 * QUICK)))
        limit.adjust()

    assert limit.units == MOST


@pytest.mark.parametrize(("units", "begins"), [(DEAR, True), (DEAR + 1, False)])
def test_only_what_is_dear_is_limited(units: float, *, begins: bool) -> None:
    """One dear request may always be under way, beside it only what there is room for."""
    limit = DearLimit(MOST)
    limit.units = LEAST
    shared = SharedLimit(lambda: 1_000.0, 0.03, limit)

    assert shared.take(shared.arrive("one", USER), 2 * LEAST)
    assert shared.take(shared.arrive("two", USER), units) is begins


def test_what_waits_for_dear_work_keeps_nobody() -> None:
    """An ordinary request overtakes it, since it takes nothing that the other waits for."""

    async def scene(_: FakeClock) -> None:
        limit = DearLimit(MOST)
        limit.units = LEAST
        shared = SharedLimit(lambda: 1_000.0, 0.03, limit)
        first, second = shared.arrive("one", USER), shared.arrive("two", USER)
        shared.take(first, 100.0)
        waiting = asyncio.create_task(shared.wait(second, 100.0))
        await asyncio.sleep(0)
        ordinary = shared.take(shared.arrive("one", USER), 1.0)
        shared.depart(first)
        await waiting

        assert ordinary
        assert shared.used_dearly == second.units == 100.0

    simulate(scene)


@pytest.mark.parametrize(("holds", "seconds"), [(True, 0.03), (False, HOLDS_NOTHING)])
def test_who_holds_nothing_waits_longer(*, holds: bool, seconds: float) -> None:
    """For the end of what others do; who has something under way is refused soon."""

    async def scene(clock: FakeClock) -> None:
        shared = SharedLimit(lambda: 100.0, 0.03, DearLimit(LEAST))
        shared.take(shared.arrive("one", USER), 50.0)
        if holds:
            shared.take(shared.arrive("two", USER), 1.0)
        began = clock()
        with pytest.raises(NoRoom):
            await shared.wait(shared.arrive("two", USER), 50.0)

        assert clock() - began == pytest.approx(seconds)

    simulate(scene)
