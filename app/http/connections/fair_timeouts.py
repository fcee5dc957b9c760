"""Waiting for clients, of whom each has its time, by a clock that is fair to them."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

TICK = 0.1  # seconds between two looks at who has waited for long enough
# Of a longer pause between two looks no more counts: the process was busy or stopped, and no client is to blame for it.
LONGEST_TICK = 2 * TICK

T = TypeVar("T")


class Waiting:
    """Bounds waits by a clock that goes while somebody is waited for, and only as far as this process is awake.

    One timer is enough for all waits, of which nearly every one ends at once.
    """

    def __init__(self) -> None:
        self.clock = 0.0  # seconds
        self._due: dict[asyncio.Timeout, float] = {}
        self._looked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def until(self, due: float, coming: Awaitable[T]) -> T:
        """Wait for something until the clock shows a time.

        Raises:
            TimeoutError: it has not come.
        """
        async with asyncio.timeout(None) as limit:
            self._due[limit] = due
            if self._timer is None:
                loop = asyncio.get_running_loop()
                self._looked = loop.time()
                self._timer = loop.call_later(TICK, self._look, loop)
            try:
                return await coming
            finally:
                self._due.pop(limit, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self.clock += min(now - self._looked, LONGEST_TICK)
        self._looked = now
        for limit in [limit for limit, due in self._due.items() if due <= self.clock]:
            del self._due[limit]  # it can be told only once
            limit.reschedule(now)
        self._timer = loop.call_later(TICK, self._look, loop) if self._due else None
