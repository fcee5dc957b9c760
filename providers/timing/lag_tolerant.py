"""A timer and a timeout in which the event-loop lag of this process does not count."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

# Seconds between two checks of the clock.
STEP = 0.1
# Lateness of a check, in seconds, that is no lag: timers have no finer resolution.
_GRAIN = 0.005
# Seconds that are added once if the very last check was late, to read an answer that has arrived meanwhile.
_LAST_READ = 0.05
_NOTHING = 1e-6  # seconds, a rounding error


class _LagTolerantWait(ABC):
    """A wait that is over once `limit` seconds have passed, or when nothing remains until a deadline.

    A process that computes, is stopped or gets no processor learns at the same late moment that the time is up and that
    an answer arrived long ago. This wait therefore checks the clock every `STEP` seconds; the lateness of a check is
    event-loop lag, and is added to the limit. The deadline, of which `remaining` returns the seconds left, is not
    extended. `now` is the clock, by default that of the event loop. A wait shorter than a step costs two readings of
    the clock and one timer that is cancelled.
    """

    __slots__ = (
        "_check_at",
        "_handle",
        "_last_read",
        "_limit",
        "_loop",
        "_now",
        "_remaining",
        "_started",
        "lag",
    )

    def __init__(
        self,
        limit: float,
        remaining: Callable[[], float] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.lag = 0.0
        self._limit = limit
        self._remaining = remaining
        self._loop = asyncio.get_running_loop()
        self._now = now or self._loop.time
        self._last_read = False
        self._started = 0.0
        self._check_at = 0.0

    @property
    def seconds(self) -> float:
        """The seconds since the beginning, without the lag."""
        return max(0.0, self._now() - self._started - self.lag)

    def start(self) -> None:
        """Begin to count."""
        now = self._started = self._now()
        self._check_in(self._limit if self._remaining is None else min(self._limit, self._remaining()), now)

    def cancel(self) -> None:
        """Call nothing any more."""
        self._handle.cancel()

    def _check_in(self, seconds: float, now: float) -> None:
        seconds = STEP if seconds > STEP else max(seconds, 0.0)
        self._check_at = now + seconds
        self._handle: asyncio.Handle = self._loop.call_later(seconds, self._check)

    def _check(self) -> None:
        now = self._now()
        late = now - self._check_at
        if late > _GRAIN:
            self.lag += late
        left = self._left()
        if left <= _NOTHING and late > _GRAIN and not self._last_read:
            self._last_read = True
            left = min(late, _LAST_READ)
        if left <= _NOTHING:
            self._end()
        else:
            self._check_in(left, now)

    def _left(self) -> float:
        left = self._limit - self.seconds
        return left if self._remaining is None else min(left, self._remaining())

    @abstractmethod
    def _end(self) -> None:
        """Do what is due at the end."""


class LagTolerantTimer(_LagTolerantWait):
    """Call `due` once `limit` seconds without lag have passed, or when nothing is left until a deadline."""

    __slots__ = ("_due",)

    def __init__(
        self,
        limit: float,
        due: Callable[[], None],
        remaining: Callable[[], float] | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(limit, remaining, now)
        self._due = due

    def _end(self) -> None:
        self._due()


class LagTolerantTimeout(_LagTolerantWait):
    """Cancel the context after `limit` seconds, as `asyncio.timeout` does, but as a `LagTolerantTimer` counts them."""

    __slots__ = ("_cancelled_before", "_task", "expired")

    def begin(self) -> None:
        """Begin to count; this and `finish` are for who is a context of the path of every call already."""
        # Twice in each request, and so without an `asyncio.timeout` of its own: that costs more than all of this.
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be given a time limit")
        self.expired = False  # whether this timeout has ended the wait
        self._task = task
        self._cancelled_before = task.cancelling()
        self.start()

    def finish(self, error: BaseException | None) -> None:
        """End the wait, given the exception that leaves the context, if one does.

        Raises:
            TimeoutError: this timeout has cancelled the context.
        """
        self.cancel()
        if self.expired:
            # As `asyncio.timeout` does it: a cancellation from outside goes on.
            ours = self._task.uncancel() <= self._cancelled_before
            if ours and type(error) is asyncio.CancelledError:
                raise TimeoutError from error

    async def __aenter__(self) -> Self:
        self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.finish(error)

    def _end(self) -> None:
        # What is ready by now comes first: an answer that has arrived is taken.
        self._handle = self._loop.call_soon(self._interrupt)

    def _interrupt(self) -> None:
        self.expired = True
        self._task.cancel()
