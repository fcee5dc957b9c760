"""Work in slices, counted: a clock that goes on by itself, and the turns of the loop that some work takes."""

import asyncio

from providers.timing.turns import SLICE_SECONDS


class CountingClock:
    """A clock that goes on by one step whenever it is asked, as if each piece of work took so long."""

    def __init__(self, step: float = SLICE_SECONDS / 4) -> None:
        self.asked = 0
        self._step = step

    def __call__(self) -> float:
        """Return the seconds, after one more step."""
        self.asked += 1
        return self.asked * self._step


async def turns_during(work: asyncio.Task[object]) -> int:
    """How many turns the loop takes until some work is done."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns
