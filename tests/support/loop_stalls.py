"""How long an event loop stands still: the time that its thread works between two turns, on any machine."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class LoopStalls:
    """What is measured while `watching` a loop: `longest` in seconds of the thread, and `turns` of the loop."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self.longest = 0.0
        self.turns = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take part in every turn of the running loop, which therefore never sleeps; any kind of loop will do."""
        loop = asyncio.get_running_loop()
        last, over = self._clock(), False

        def turn() -> None:
            nonlocal last
            now = self._clock()
            self.longest = max(self.longest, now - last)
            self.turns += 1
            last = now
            if not over:
                loop.call_soon(turn)

        loop.call_soon(turn)
        try:
            yield
        finally:
            over = True
