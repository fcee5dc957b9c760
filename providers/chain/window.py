"""A count of recent events in constant memory."""

from collections import deque
from collections.abc import Callable

WIDTH = 1.0  # seconds of one bucket, the resolution of the window


class SlidingWindowCounter:
    """Count the events within the last `span` seconds.

    Events are dropped in whole buckets, when they are between `span` less one `WIDTH` and `span` old.
    """

    __slots__ = ("_buckets", "_kept", "_now", "_total")

    def __init__(self, span: float, now: Callable[[], float]) -> None:
        self._kept = max(1, int(span / WIDTH))
        self._now = now
        self._buckets: deque[list[int]] = deque()  # [which, how many], oldest first
        self._total = 0

    def add(self) -> None:
        """Count one event now."""
        which, buckets = int(self._now() / WIDTH), self._buckets
        if buckets and buckets[-1][0] == which:  # nearly always; what is too old was dropped when that began
            buckets[-1][1] += 1
        else:
            self._forget(which)
            buckets.append([which, 1])
        self._total += 1

    def total(self) -> int:
        """Return how many events are within the window."""
        self._forget(int(self._now() / WIDTH))
        return self._total

    def clear(self) -> None:
        """Drop all events."""
        self._buckets.clear()
        self._total = 0

    def _forget(self, which: int) -> None:
        """Drop the buckets that are too old, given the number of the current one."""
        while self._buckets and self._buckets[0][0] <= which - self._kept:
            self._total -= self._buckets.popleft()[1]
