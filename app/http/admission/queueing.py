"""The queueing delay of this process: how long work that could go on waits for the event loop or for a connection."""

import asyncio
from collections.abc import Callable
from math import inf

# Several within an interval of the limit, whose least counts: one late timer is a pause, all of them are a queue.
SECONDS_BETWEEN = 0.02


class QueueingDelay:
    """Measure the delay while there is work, with one timer for all of it.

    `least_wait` returns the least time that anybody waited for a connection since it was called last, 0 if nobody did.
    After `seconds` with work `on_interval` is called with the least delay.
    """

    def __init__(
        self, least_wait: Callable[[], float], on_interval: Callable[[float, float], bool], seconds: float
    ) -> None:
        self._least_wait, self._on_interval, self._seconds = least_wait, on_interval, seconds
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._began = 0.0
        self._least_lag = inf

    def begin(self) -> None:
        """Measure from now on, if not already."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._began, self._least_lag = loop.time(), inf
            self._least_wait()  # what was waited for before does not count
            self._plan(loop)

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + SECONDS_BETWEEN
        self._timer = loop.call_later(SECONDS_BETWEEN, self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._least_lag = min(self._least_lag, max(0.0, now - self._due))
        if now - self._began >= self._seconds:
            delay = max(self._least_lag, self._least_wait())
            goes_on = self._on_interval(delay, now - self._began)
            self._began, self._least_lag = now, inf
            if not goes_on:
                self._timer = None
                return
        self._plan(loop)
