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


class Turns:
    """Let the loop turn whenever a slice of work is used up; work that is shorter than a slice takes no turn.

    `clock` returns seconds that pass only while this thread works.
    """

    __slots__ = ("_clock", "_earliest", "_until")

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._begin()

    async def take(self) -> None:
        """Let the loop turn if this slice is used up; call this after each small piece of the work."""
        if self.due:
            await self.turn()

    @property
    def due(self) -> bool:
        """Whether this slice is used up."""
        # No thread works for longer than time passes, which takes a tenth of the time to ask.
        if self._clock is time.thread_time and time.monotonic() < self._earliest:
            return False
        return self._clock() >= self._until

    async def turn(self) -> None:
        """Let the loop turn, and begin a slice."""
        await asyncio.sleep(0)
        self._begin()

    def _begin(self) -> None:
        self._earliest = time.monotonic() + SLICE_SECONDS
        self._until = self._clock() + SLICE_SECONDS


async def in_turns(
    work: Callable[[Item], Done], items: Iterable[Item], clock: Callable[[], float] = time.thread_time
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
        if turns is not None:
            await turns.take()
    return done
