"""Token buckets by name: each is full at first, and fills up again evenly."""

from collections import OrderedDict
from math import ceil

from msgspec import Struct

WINDOW = 60  # seconds in which an empty bucket fills up
MOST_NAMES = 100_000  # that are remembered; the one that asked longest ago is forgotten, and has a full bucket again


class _Bucket(Struct):
    level: float
    at: float


class Buckets:
    """Hold the buckets of one limit; `capacity` is how much one holds, and how much flows into it in a `WINDOW`.

    What is dearer than a whole bucket is taken when the bucket is full, and leaves it in debt: what follows waits until
    that is paid, so that the average holds, and no batch is impossible.
    """

    def __init__(self, capacity: float) -> None:
        self._capacity, self._rate = capacity, capacity / WINDOW
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, name: str, amount: int, now: float) -> int:
        """Return the whole seconds after which so much can be taken, 0 for at once."""
        missing = min(amount, self._capacity) - self._filled(name, now).level
        return max(1, ceil(missing / self._rate)) if missing > 0 else 0

    def take(self, name: str, amount: int, now: float) -> None:
        """Take so much."""
        self._filled(name, now).level -= amount

    def left(self, name: str, now: float) -> tuple[int, int]:
        """Return how much can be taken at once, and the whole seconds after which the bucket is full."""
        level = self._filled(name, now).level
        return max(0, int(level)), ceil((self._capacity - level) / self._rate)

    def _filled(self, name: str, now: float) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(self._capacity, now)
            while len(self._buckets) > MOST_NAMES:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(name)
        bucket.level = min(self._capacity, bucket.level + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket
