"""The latencies of the last minutes' attempts, by provider: a bounded ring of intervals for each."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable

from msgspec import Struct

INTERVAL_SECONDS = 15
INTERVALS = 60  # a quarter of an hour

# Each bin is a tenth wider than the one before, so that a percentile is right to within five percent.
_LEAST_SECONDS = 0.0001
_GROWTH = math.log(1.1)


class Interval:
    """Hold the attempts that ended within `INTERVAL_SECONDS`, in bins by their length."""

    __slots__ = ("bins", "failed", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.bins: dict[int, int] = {}
        self.failed = 0

    def add(self, seconds: float, *, failed: bool) -> None:
        """Count one attempt."""
        number = _bin_of(seconds)
        self.bins[number] = self.bins.get(number, 0) + 1
        self.failed += failed


class Latency(Struct, frozen=True, kw_only=True):
    """Sum up some attempts: how many, how many of them failed, and their 50th and 95th percentile in seconds."""

    count: int
    failed: int
    median: float
    tail: float


class LatencyHistory:
    """Keep the latencies of each provider in the last minutes; one for each process, used from its event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._rings: dict[str, deque[Interval]] = {}

    def add(self, provider: str, seconds: float, *, failed: bool) -> None:
        """Count one attempt at a provider."""
        number = self._number()
        ring = self._rings.get(provider)
        if ring is None:
            self._drop_idle(number)
            ring = self._rings[provider] = deque(maxlen=INTERVALS)
        if not ring or ring[-1].number != number:
            ring.append(Interval(number))
        ring[-1].add(seconds, failed=failed)

    def steps(self, provider: str) -> list[Latency | None]:
        """Return the last `INTERVALS`, oldest first, the current one last; None for one without an attempt."""
        newest = self._number()
        by_number = {interval.number: interval for interval in self._rings.get(provider, ())}
        return [
            _latency_of([by_number[number]]) if number in by_number else None
            for number in range(newest - INTERVALS + 1, newest + 1)
        ]

    def whole(self, provider: str) -> Latency | None:
        """Return all of those intervals as one; None without an attempt."""
        oldest = self._number() - INTERVALS
        recent = [interval for interval in self._rings.get(provider, ()) if interval.number > oldest]
        return _latency_of(recent) if recent else None

    def _number(self) -> int:
        return int(self._now() // INTERVAL_SECONDS)

    def _drop_idle(self, number: int) -> None:
        """Drop every provider that had no attempt for a whole window: it may have left the order for good."""
        for name, ring in list(self._rings.items()):
            if ring[-1].number <= number - INTERVALS:
                del self._rings[name]


def _bin_of(seconds: float) -> int:
    return int(math.log(seconds / _LEAST_SECONDS) / _GROWTH) if seconds > _LEAST_SECONDS else 0


def _latency_of(intervals: Iterable[Interval]) -> Latency:
    bins: Counter[int] = Counter()
    failed = 0
    for interval in intervals:
        bins.update(interval.bins)
        failed += interval.failed
    return Latency(count=bins.total(), failed=failed, median=_below(bins, 0.5), tail=_below(bins, 0.95))


def _below(bins: Counter[int], share: float) -> float:
    """Return the middle of the bin in which the percentile lies, by the nearest rank."""
    rank = math.ceil(share * bins.total())
    for number in sorted(bins):
        rank -= bins[number]
        if rank <= 0:
            return _LEAST_SECONDS * math.exp((number + 0.5) * _GROWTH)
    raise ValueError("no attempts")
