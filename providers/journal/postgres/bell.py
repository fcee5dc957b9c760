"""The bell: tells whoever waits, here and on other hosts, that something may have become due."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

_STEP = 0.05  # seconds; what becomes due within one step rings once
_QUIET = 0.02  # seconds between two calls to the others


class Bell:
    """Ring for every task that waits, and remember for those who come to wait later.

    `call_others` tells the other hosts, and may fail in silence: they look again from time to time.
    """

    def __init__(self, call_others: Callable[[], Awaitable[None]]) -> None:
        self._call_others = call_others
        self._rung = 1
        self._heard = 0  # by whoever was the last to wait
        self._heard_by: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._ringing = asyncio.Event()
        self._planned: dict[int, asyncio.TimerHandle] = {}
        self._calling: asyncio.Task[None] | None = None
        self._call_again = False

    def ring(self) -> None:
        """Ring here and everywhere."""
        self.ring_here()
        self._call_again = True
        if self._calling is None or self._calling.done():
            self._calling = asyncio.create_task(self._call(), name="call the other hosts")

    def ring_here(self) -> None:
        """End every wait of this process."""
        self._rung += 1
        self._ringing.set()
        self._ringing = asyncio.Event()

    def ring_after(self, seconds: float) -> None:
        """Ring here after so many seconds, or a moment later."""
        loop = asyncio.get_running_loop()
        step = math.ceil((loop.time() + seconds) / _STEP)
        if step not in self._planned:
            self._planned[step] = loop.call_at(step * _STEP, self._planned_ring, step)

    async def wait(self, seconds: float) -> None:
        """Wait for a ring since the last wait of this task, or else of any, but at most so long."""
        task = asyncio.current_task()
        heard = self._heard if task is None else self._heard_by.get(task, self._heard)
        if self._rung == heard:
            ringing = self._ringing
            try:
                async with asyncio.timeout(seconds):
                    await ringing.wait()
            except TimeoutError:
                pass
        self._heard = self._rung
        if task is not None:
            self._heard_by[task] = self._rung

    async def close(self) -> None:
        """Ring no more."""
        for handle in self._planned.values():
            handle.cancel()
        self._planned.clear()
        if self._calling is not None:
            self._calling.cancel()
            await asyncio.gather(self._calling, return_exceptions=True)

    def _planned_ring(self, step: int) -> None:
        del self._planned[step]
        self.ring_here()

    async def _call(self) -> None:
        while self._call_again:
            self._call_again = False
            await self._call_others()
            await asyncio.sleep(_QUIET)
