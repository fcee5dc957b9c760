"""Long work lets the event loop turn whenever a slice of it is used up; short work does not."""

import asyncio
from collections.abc import Iterator

from providers.timing.turns import SLICE_SECONDS, Turns, in_turns
from tests.support.loop_stalls import LoopStalls

_STEP = SLICE_SECONDS / 4  # of the clock, whenever it is asked


class CountingClock:
    """A clock that goes on by one step whenever it is asked, as if each piece of work took so long."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> float:
        """Return the seconds, after one more step."""
        self.asked += 1
        return self.asked * _STEP


async def turns_during(work: asyncio.Task[object]) -> int:
    """How many turns the loop takes until some work is done."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


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
