"""Dear work gives way to ordinary requests that it slows down, and to nobody else."""

import asyncio

import pytest

from app.http.admission.dear import DEAR, FIRST, LEAST, LEAST_ALONE, MOST_AMONG_DEAR, MOST_SLOWDOWN, DearLimit
from app.http.admission.sharing import FEW_DEAR, HOLDS_NOTHING, SOON, NoRoom, SharedLimit
from tests.support.clock import FakeClock, simulate

MOST = 2_000.0
QUICK = 0.01  # seconds
USER = b"u"
BATCH = 65.0  # units


def adjusted(
    seconds: float, intervals: int, limit: DearLimit | None = None, *, units: float = 1.0, reached: bool = True
) -> DearLimit:
    """Return a limit after so many intervals in which requests that cost so much took so long."""
    limit = limit or DearLimit(MOST)
    for _ in range(intervals):
        limit.sample("get", units, seconds)
        limit.reached = reached
        limit.adjust()
    return limit


def test_dear_work_gives_way() -> None:
    """While ordinary requests take more than twice their usual time, down to what may always be under way."""
    usual = adjusted(QUICK, 2_500)
    slowed = adjusted(QUICK * MOST_SLOWDOWN * 1.5, 20, adjusted(QUICK, 1_000))

    assert (usual.units, slowed.units) == (MOST, LEAST)


def test_dear_work_gives_way_to_dear_work() -> None:
    """Where it makes itself slow more of it does not get done, and two at a time always may."""
    usual = adjusted(QUICK, 2_500, units=BATCH)
    for _ in range(1_000):
        usual.reached = True
        usual.adjust()
    slowed = adjusted(QUICK * MOST_AMONG_DEAR * 1.25, 20, adjusted(QUICK, 2_500, units=BATCH), units=BATCH)

    assert (usual.units, slowed.units) == (MOST, LEAST_ALONE)
    assert slowed.units >= 2 * BATCH


def test_a_dearer_one_is_not_slow() -> None:
    """It may take as long as it costs more; and few memories take longer for each of them."""
    limit = DearLimit(MOST)
    for place in range(2_500):
        limit.sample("batch", *((BATCH, QUICK) if place % 2 else (4 * BATCH, 4 * QUICK)))
        limit.sample("memories", *((BATCH / 4, QUICK) if place % 2 else (BATCH, QUICK)))
        limit.reached = True
        limit.adjust()

    assert limit.units == MOST


def test_one_request_does_less_at_once() -> None:
    """The more ordinary ones are slowed; while dear ones slow only each other, each does all that it can at once."""
    limit = DearLimit(MOST)
    shares = []
    for units in (LEAST_ALONE, (LEAST + LEAST_ALONE) / 2, LEAST):
        limit.units = units
        shares.append(limit.parallelism)

    assert shares == [1.0, 0.5, 0.0]


def test_what_nobody_needs_is_not_allowed() -> None:
    """So that a sudden flood of dear work does not meet a limit that nothing has tried."""
    assert adjusted(QUICK, 1_000, reached=False).units == FIRST


def test_it_comes_back() -> None:
    """When they are quick again, and when there are none to be slowed down."""
    slowed = adjusted(10 * QUICK, 20, adjusted(QUICK, 100))
    quick = adjusted(QUICK, 300, slowed)
    alone = adjusted(10 * QUICK, 20, adjusted(QUICK, 100))
    for _ in range(1_000):
        alone.reached = True
        alone.adjust()

    assert quick.units > FIRST
    assert alone.units == MOST


def test_each_kind_has_a_usual_time() -> None:
    """A recall that takes longer than a get is not slow."""
    limit = DearLimit(MOST)
    for place in range(2_500):
        limit.sample(*(("get", 1.0, QUICK) if place % 2 else ("recall", 3.0, 10 * QUICK)))
        limit.reached = True
        limit.adjust()

    assert limit.units == MOST


@pytest.mark.parametrize(("units", "begins"), [(DEAR, True), (DEAR + 1, False)])
def test_only_what_is_dear_is_limited(units: float, *, begins: bool) -> None:
    """One dear request may always be under way, beside it only what there is room for."""
    limit = DearLimit(MOST)
    limit.units = LEAST
    shared = SharedLimit(lambda: 1_000.0, 0.03, limit)

    assert shared.take(shared.arrive("one", USER), 6 * LEAST)
    assert shared.take(shared.arrive("two", USER), units) is begins


@pytest.mark.parametrize(("units", "full"), [(DEAR, True), (DEAR + 1, False)])
def test_only_what_the_limit_keeps_waiting_raises_it(units: float, *, full: bool) -> None:
    """A higher one would be of no use to what waits for the end of dear work."""

    async def scene(_: FakeClock) -> None:
        dear = DearLimit(MOST)
        dear.units = LEAST
        shared = SharedLimit(lambda: 100.0, 0.03, dear)
        for user in (b"a", b"b", b"c"):
            shared.add(shared.arrive("one", user), 3 * DEAR)
        with pytest.raises(NoRoom):
            await shared.wait(shared.arrive("one", USER), units)

        assert (shared.full, dear.reached) == (full, not full)

    simulate(scene)


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


@pytest.mark.parametrize(("waiting", "waits"), [(FEW_DEAR - 1, 2.0), (FEW_DEAR, SOON)])
def test_few_dear_requests_of_a_caller_wait(waiting: int, waits: float) -> None:
    """Two wait for their turn, and one more is refused soon; another caller waits as if they were not there."""

    async def scene(clock: FakeClock) -> None:
        shared = SharedLimit(lambda: 1_000.0, 2.0, DearLimit(LEAST))
        shared.take(shared.arrive("one", USER), 50.0)
        shared.take(shared.arrive("two", USER), 1.0)
        before = [asyncio.create_task(shared.wait(shared.arrive("one", USER), 50.0)) for _ in range(waiting)]
        await asyncio.sleep(0)
        began = clock()
        other = asyncio.create_task(shared.wait(shared.arrive("two", USER), 50.0))
        with pytest.raises(NoRoom):
            await shared.wait(shared.arrive("one", USER), 50.0)
        took = clock() - began
        await asyncio.wait([*before, other])

        assert took == pytest.approx(waits)
        assert clock() - began == pytest.approx(2.0)
        assert all(isinstance(task.exception(), NoRoom) for task in [*before, other])

    simulate(scene)
