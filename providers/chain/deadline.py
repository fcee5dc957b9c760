"""The moment by which an operation must answer."""

import time
from collections.abc import Callable
from typing import Self


class Shutdown:
    """The moment by which a process that is about to end must have answered everybody, once it is known."""

    __slots__ = ("_now", "ends_at")

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.ends_at = float("inf")
        self._now = now

    def begin(self, seconds: float) -> None:
        """Let no deadline be later than this many seconds from now, those of requests under way included."""
        self.ends_at = min(self.ends_at, self._now() + seconds)


class Deadline:
    """A moment on the monotonic clock; it passes through every step of an operation and only ever comes nearer.

    It is wall time: that of a process which was itself late is not given back. A `shutdown` brings it forward.
    """

    __slots__ = ("_at", "_now", "_shutdown")

    def __init__(self, at: float, now: Callable[[], float] = time.monotonic, shutdown: Shutdown | None = None) -> None:
        self._at = at
        self._now = now
        self._shutdown = shutdown

    @classmethod
    def after(cls, seconds: float, now: Callable[[], float] = time.monotonic, shutdown: Shutdown | None = None) -> Self:
        """Start counting: the operation must answer within this many seconds from now."""
        return cls(now() + seconds, now, shutdown)

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self._end() - self._now())

    @property
    def expired(self) -> bool:
        """Whether nothing is left."""
        return self._now() >= self._end()

    def earlier(self, seconds: float) -> Self:
        """Return the deadline of somebody who waits at most this many seconds from now; never a later one."""
        return type(self)(min(self._at, self._now() + seconds), self._now, self._shutdown)

    def keeping(self, seconds: float) -> Self:
        """Return the deadline of a first step after which `seconds` are left for the next, half of all at the most."""
        remaining = self.remaining()
        return self.earlier(remaining - min(seconds, remaining / 2))

    def limit_try(self, seconds: float) -> float:
        """Return the seconds that one try may take: its own limit, or what remains."""
        return min(seconds, self.remaining())

    def _end(self) -> float:
        return self._at if self._shutdown is None else min(self._at, self._shutdown.ends_at)
