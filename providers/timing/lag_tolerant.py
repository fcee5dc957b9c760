"""A limit of time for one wait, in which this process's own lateness does not count."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

# Seconds between two looks at the clock while something is waited for.
STEP = 0.1
# Seconds that a look may be late without meaning anything: timers have no finer grain.
_GRAIN = 0.005
# Seconds that are added once where the very last look was late: what has come meanwhile is still to be read.
_LAST_READ = 0.05
_NOTHING = 1e-6  # seconds, a rounding error


class LagTolerantTimeout:
    """End what the context waits for after `limit` seconds, as `asyncio.timeout` does, or when nothing remains.

    A process that computes, is stopped or gets no processor notices late that time is up, and at the same moment that
    an answer has been there for long. So it looks every `STEP` seconds; whatever a look is late is lag of the event
    loop, and is given to the limit in addition. What remains until a deadline, which `remaining` gives in seconds, is
    not put off. `now` is the clock, that of the event loop unless it is given. A wait of less than a step costs two
    looks at the clock and one timer that is cancelled.
    """

    __slots__ = ("_due", "_handle", "_last_read", "_limit", "_loop", "_now", "_remaining", "_started", "_timer", "lag")

    def __init__(
        self,
        limit: float,
        remaining: Callable[[], float] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.lag = 0.0
        self._limit = limit
        self._remaining = remaining
        self._now = now or asyncio.get_running_loop().time
        self._timer = asyncio.timeout(None)
        self._last_read = False
        self._started = 0.0
        self._due = 0.0

    @property
    def expired(self) -> bool:
        """Whether it is what has ended the wait."""
        return self._timer.expired()

    @property
    def seconds(self) -> float:
        """Return the time since the beginning, without the lag."""
        return max(0.0, self._now() - self._started - self.lag)

    async def __aenter__(self) -> Self:
        await self._timer.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._started = self._now()
        self._check_in(self._left())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._handle.cancel()
        await self._timer.__aexit__(kind, error, traceback)

    def _check_in(self, seconds: float) -> None:
        seconds = min(max(seconds, 0.0), STEP)
        self._due = self._now() + seconds
        self._handle = self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        late = self._now() - self._due
        if late > _GRAIN:
            self.lag += late
        left = self._left()
        if left <= _NOTHING and late > _GRAIN and not self._last_read:
            self._last_read = True
            left = min(late, _LAST_READ)
        if left <= _NOTHING:
            self._timer.reschedule(self._loop.time())
        else:
            self._check_in(left)

    def _left(self) -> float:
        left = self._limit - self.seconds
        return left if self._remaining is None else min(left, self._remaining())
