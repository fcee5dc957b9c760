"""A count of what happened lately, in constant memory."""

from collections import deque
from collections.abc import Callable

WIDTH = 1.0  # seconds of one bucket, the grain in which events grow old


class SlidingWindowCounter:
    """How often something happened within the last `span` seconds.

    Events are forgotten by whole buckets, when they are older than `span` less one `WIDTH` at the earliest and `span`
    at the latest.
    """

    __slots__ = ("_buckets", "_kept", "_now", "_total")

    def __init__(self, span: float, now: Callable[[], float]) -> None:
        self._kept = max(1, int(span / WIDTH))
        self._now = now
        self._buckets: deque[list[int]] = deque()  # [which, how many], oldest first
        self._total = 0

    def add(self) -> None:
        """Count one event now."""
        which = self._forget()
        if self._buckets and self._buckets[-1][0] == which:
            self._buckets[-1][1] += 1
        else:
            self._buckets.append([which, 1])
        self._total += 1

    def total(self) -> int:
        """How many there are."""
        self._forget()
        return self._total

    def clear(self) -> None:
        """Forget them all."""
        self._buckets.clear()
        self._total = 0

    def _forget(self) -> int:
        """Drop the buckets that are too old, and give the number of the present one."""
        which = int(self._now() / WIDTH)
        while self._buckets and self._buckets[0][0] <= which - self._kept:
            self._total -= self._buckets.popleft()[1]
        return which
