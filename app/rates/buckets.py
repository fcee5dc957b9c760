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

    With `counts`, what is taken is noted by name until `collect`, for those who have a part of the same buckets.
    """

    def __init__(self, capacity: float, *, counts: bool = False) -> None:
        self._capacity, self._rate = capacity, capacity / WINDOW
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._counts = counts
        self._taken: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    @property
    def capacity(self) -> float:
        """How much a bucket holds."""
        return self._capacity

    def resize(self, capacity: float, now: float) -> None:
        """Have each bucket hold another amount from now on, and as large a part of it as before."""
        if capacity == self._capacity:
            return
        for name, bucket in list(self._buckets.items()):
            bucket.level = self._filled(name, now).level * capacity / self._capacity
        self._capacity, self._rate = capacity, capacity / WINDOW

    def wait(self, name: str, amount: int, now: float) -> int:
        """Return the whole seconds after which so much can be taken, 0 for at once."""
        missing = min(amount, self._capacity) - self._filled(name, now).level
        return max(1, ceil(missing / self._rate)) if missing > 0 else 0

    def take(self, name: str, amount: int, now: float) -> None:
        """Take so much."""
        self._filled(name, now).level -= amount
        if self._counts:
            self._taken[name] += amount

    def left(self, name: str, now: float) -> tuple[int, int]:
        """Return how much can be taken at once, and the whole seconds after which the bucket is full."""
        level = self._filled(name, now).level
        return max(0, int(level)), ceil((self._capacity - level) / self._rate)

    def collect(self) -> dict[str, float]:
        """Return what was taken since the last time by name, also of those that only asked; it is theirs no more."""
        taken, self._taken = self._taken, {}
        return taken

    def settle(self, name: str, level: float, now: float) -> None:
        """Take over how full a bucket is by the count of all, but for what was taken here since `collect`."""
        bucket = self._buckets.get(name)
        if bucket is not None:
            bucket.level, bucket.at = level - self._taken.get(name, 0.0), now

    def _filled(self, name: str, now: float) -> _Bucket:
        if self._counts:
            self._taken.setdefault(name, 0.0)
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
