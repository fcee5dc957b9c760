"""Long work lets the event loop turn whenever a slice of it is used up; short work does not."""

import asyncio
from collections.abc import Iterator

import pytest

from providers.timing import turns as turns_module
from providers.timing.turns import ANY_TIME_SECONDS, SLICE_SECONDS, Turns, WorkingTime, in_turns
from tests.support.loop_stalls import LoopStalls
from tests.support.turning import CountingClock, turns_during


async def test_a_turn_is_taken_after_each_slice() -> None:
    """Of a thousand pieces, four to five fit into a slice."""
    done = in_turns(lambda number: number + 1, range(1_000), CountingClock())

    turns = await turns_during(task := asyncio.create_task(done))

    assert task.result() == list(range(1, 1_001))
    assert 1_000 / 6 < turns < 1_000 / 3


async def test_short_work_takes_no_turn() -> None:
    """What fits into one slice is done within one turn."""
    done = in_turns(str, range(3), CountingClock())

    assert await turns_during(asyncio.create_task(done)) == 1


async def test_a_single_item_needs_no_clock() -> None:
    """Most requests are about one memory, and pay nothing."""
    clock = CountingClock()

    assert await in_turns(str, [1], clock) == ["1"]
    assert clock.asked == 0


def test_short_work_does_not_ask_for_the_time_of_the_thread() -> None:
    """Below a quarter of a slice any time counts, whoever had the processor."""
    passed, worked = [5.0], CountingClock()
    clock = WorkingTime(lambda: passed[0], worked)

    passed[0] += 0.9 * ANY_TIME_SECONDS

    assert clock() == pytest.approx(0.9 * ANY_TIME_SECONDS)
    assert worked.asked == 0


def test_longer_work_counts_only_what_the_thread_works() -> None:
    """A busy machine makes no slice shorter by more than that."""
    passed, worked = [5.0], [100.0]
    clock = WorkingTime(lambda: passed[0], lambda: worked[0])
    passed[0] += 2 * ANY_TIME_SECONDS
    first = clock()

    passed[0] += 60.0
    worked[0] += 0.001

    assert first == pytest.approx(2 * ANY_TIME_SECONDS)
    assert clock() - first == pytest.approx(0.001)


def test_the_time_of_the_thread_is_not_asked_for_before_it_can_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread works longer than time passes, and a slice ends by the thread's own time."""
    passed, worked = [5.0], [100.0]
    asked: list[float] = []

    def clock() -> float:
        asked.append(worked[0])
        return worked[0]

    monkeypatch.setattr(turns_module, "WorkingTime", lambda: clock)
    turns = Turns(passing=lambda: passed[0])
    due = []
    for by, by_thread in ((0.0, 0.0), (0.9, 0.5), (0.2, 0.1), (0.3, 0.1), (0.2, 0.1), (0.3, 0.3)):
        passed[0] += by * SLICE_SECONDS
        worked[0] += by_thread * SLICE_SECONDS
        due.append(turns.due)

    assert due == [False, False, False, False, False, True]
    assert len(asked) < 1 + len(due)


async def test_items_are_taken_one_by_one() -> None:
    """What comes during a turn is met by the items behind it."""
    seen: list[int] = []
    clock = CountingClock()

    def items() -> Iterator[int]:
        for number in range(20):
            seen.append(len(done_meanwhile))
            yield number

    done_meanwhile: list[int] = []

    async def meanwhile() -> None:
        done_meanwhile.append(1)

    other = asyncio.create_task(meanwhile())
    await in_turns(str, items(), clock)
    await other

    assert (seen[0], seen[-1]) == (0, 1)


async def test_turns_are_taken_by_pieces_of_any_kind() -> None:
    """Whoever has no list of items asks after each piece."""

    async def work() -> None:
        turns = Turns(CountingClock())
        for _ in range(100):
            await turns.take()

    assert 100 / 6 < await turns_during(asyncio.create_task(work())) < 100 / 3


async def test_stalls_are_measured_by_the_clock_of_the_thread() -> None:
    """The longest one counts, and each turn is seen."""
    now = 0.0
    stalls = LoopStalls(lambda: now)

    with stalls.watching():
        for seconds in (1.0, 3.0, 2.0):
            await asyncio.sleep(0)
            now += seconds
        await asyncio.sleep(0)

    assert stalls.longest == 3.0
    assert stalls.turns == 4
