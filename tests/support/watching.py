"""What a piece of work costs the process: how long it holds up the event loop, and how much memory it takes."""

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType


class Watch:
    """Counts of what was done while it was watched.

    `longest_stall` is the most calls (of functions in Python or C, and steps of generators) between two turns of
    the event loop; `peak` the most bytes that were allocated at a time beyond those before.
    """

    def __init__(self) -> None:
        self.longest_stall = 0
        self.peak = 0
        self._calls = 0

    def count(self, _frame: FrameType, event: str, _arg: object) -> None:
        """Take note of what the interpreter does."""
        if event in {"call", "c_call"}:
            self._calls += 1

    async def beat(self) -> None:
        """Take a turn of the loop whenever there is one, until cancelled."""
        while True:
            before = self._calls
            await asyncio.sleep(0)
            self.longest_stall = max(self.longest_stall, self._calls - before)


@asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    """Watch what is done meanwhile in this thread, and not the collection of what was there before."""
    gc.collect()
    watch = Watch()
    beating = asyncio.create_task(watch.beat())
    await asyncio.sleep(0)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    sys.setprofile(watch.count)
    try:
        yield watch
        await asyncio.sleep(0)
    finally:
        sys.setprofile(None)
        watch.peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
        beating.cancel()
