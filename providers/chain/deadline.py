"""The moment by which an operation must answer."""

import time
from collections.abc import Callable
from typing import Self


class Deadline:
    """A moment on the monotonic clock; it passes through every step of an operation and only ever comes nearer."""

    __slots__ = ("_at", "_now")

    def __init__(self, at: float, now: Callable[[], float] = time.monotonic) -> None:
        self._at = at
        self._now = now

    @classmethod
    def after(cls, seconds: float, now: Callable[[], float] = time.monotonic) -> Self:
        """Start counting: the operation must answer within this many seconds from now."""
        return cls(now() + seconds, now)

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._at - self._now())

    @property
    def expired(self) -> bool:
        """Whether nothing is left."""
        return self._now() >= self._at

    def earlier(self, seconds: float) -> Self:
        """Give the deadline of somebody who waits at most this many seconds from now; never a later one."""
        return type(self)(min(self._at, self._now() + seconds), self._now)

    def limit_try(self, seconds: float) -> float:
        """Seconds that one try may take: its own limit, or what remains."""
        return min(seconds, self.remaining())
