"""Time limits for clients, by a clock that stops while this process cannot serve them."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

TICK = 0.1  # seconds between two checks of the time limits
# A longer pause between two checks counts as this much: the process was busy or stopped, which is no client's fault.
LONGEST_TICK = 2 * TICK

T = TypeVar("T")


class FairTimeouts:
    """Limit waits by a clock that runs only while there are waits and this process is awake.

    One timer serves all waits, since nearly every one ends at once.
    """

    def __init__(self) -> None:
        self.clock = 0.0  # seconds
        self._due: dict[asyncio.Timeout, float] = {}
        self._checked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def until(self, due: float, coming: Awaitable[T]) -> T:
        """Wait for `coming` until the clock shows `due`; raise `TimeoutError` if it has not come."""
        async with asyncio.timeout(None) as limit:
            self._due[limit] = due
            if self._timer is None:
                loop = asyncio.get_running_loop()
                self._checked = loop.time()
                self._timer = loop.call_later(TICK, self._check, loop)
            try:
                return await coming
            finally:
                self._due.pop(limit, None)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self.clock += min(now - self._checked, LONGEST_TICK)
        self._checked = now
        for limit in [limit for limit, due in self._due.items() if due <= self.clock]:
            del self._due[limit]  # it can be rescheduled only once
            limit.reschedule(now)
        self._timer = loop.call_later(TICK, self._check, loop) if self._due else None
