"""Turns of the event loop between slices of long work, in which all other requests are served."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

# Of the thread's own processor time, so that neither a busy machine nor other threads make slices shorter. Several such
# works of one request may follow each other without a turn in between, and together they must stay below 20 ms.
SLICE_SECONDS = 0.002

# Of the first slice, in which other threads and other processes may make it shorter.
ANY_TIME_SECONDS = SLICE_SECONDS / 4


class WorkingTime:
    """A clock whose seconds pass only while this thread works, but for the first ones, in which any time counts.

    To ask for the thread's own time is a system call, and nearly all work ends before it is needed. `passing` and
    `working` are the two clocks, in seconds.
    """

    __slots__ = ("_ahead", "_began", "_passing", "_working")

    def __init__(
        self, passing: Callable[[], float] = time.perf_counter, working: Callable[[], float] = time.thread_time
    ) -> None:
        self._passing, self._working = passing, working
        self._began = passing()
        self._ahead: float | None = None  # of the thread's own time, once that is asked for

    def __call__(self) -> float:
        """Return the seconds."""
        if self._ahead is None:
            passed = self._passing() - self._began
            if passed < ANY_TIME_SECONDS:
                return passed
            self._ahead = passed - self._working()
        return self._ahead + self._working()


class Turns:
    """Let the loop turn whenever a slice of work is used up; work that is shorter than a slice takes no turn.

    `clock` returns seconds that pass only while this thread works, by default those of a `WorkingTime`.
    """

    __slots__ = ("_clock", "_earliest", "_passing", "_until")

    def __init__(
        self, clock: Callable[[], float] | None = None, passing: Callable[[], float] = time.perf_counter
    ) -> None:
        self._clock = clock or WorkingTime()
        self._passing = passing if clock is None else None
        self._until = self._clock() + SLICE_SECONDS
        self._earliest = passing() if clock is None else 0.0

    async def take(self) -> None:
        """Let the loop turn if this slice is used up; call this after each small piece of the work."""
        if self.due:
            await self.turn()

    @property
    def due(self) -> bool:
        """Whether this slice is used up."""
        if self._passing is None:
            return self._clock() >= self._until
        # No thread works longer than time passes: so its own, a system call, is not asked for before that can matter.
        passing = self._passing()
        if passing < self._earliest:
            return False
        left = self._until - self._clock()
        self._earliest = passing + left
        return left <= 0

    async def turn(self) -> None:
        """Let the loop turn, and begin a slice."""
        await asyncio.sleep(0)
        self._until = self._clock() + SLICE_SECONDS


async def in_turns(
    work: Callable[[Item], Done], items: Iterable[Item], clock: Callable[[], float] | None = None
) -> list[Done]:
    """Return what `work` makes of each item, in order, with turns of the loop in between.

    After the first item nothing is atomic any more: whatever the items share may change during a turn.
    """
    turns: Turns | None = None
    done: list[Done] = []
    for item in items:
        if done and turns is None:  # a single item, as in most requests, needs no clock
            turns = Turns(clock)
        done.append(work(item))
        if turns is not None and turns.due:  # without a coroutine for each item, as `take` is
            await turns.turn()
    return done
