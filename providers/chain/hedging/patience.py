"""Patience: how long a provider takes in its good times, and so when to ask the next one as well."""

import math
import time
from collections import deque
from collections.abc import Callable

from providers.chain.policy import HedgingPolicy, OperationClass
from providers.expectations import QUICK

REMEMBERED_SECONDS = 3_600.0  # for which a good time counts
SLICE_SECONDS = 60.0  # of which one percentile is taken
LEAST_ANSWERS = 20  # of one slice; with fewer it goes on

_PERCENTILE = 0.99
_LOWEST = 0.001  # seconds; a shorter latency makes no difference to the least patience
_STEPS = 4  # buckets for each doubling of a latency, so that a percentile is too long by a fifth at most
_BUCKETS = 64  # up to some 65 s


class Patience:
    """The patience with one class of operations in seconds, as `seconds`.

    It is a multiple of the lowest 99th percentile of the slices of the last hour, within the bounds of the policy. A
    fault that lasts raises the percentiles of its own slices, which
    are not the lowest ones; so what is slow now does not teach us to be patient with it. Until a slice has ended its
    answers count as they come, and before `LEAST_ANSWERS` of them the `expected` latency does. A provider that has not
    been asked for an hour keeps the patience that it had.
    """

    __slots__ = ("_answers", "_counts", "_ends_at", "_now", "_policy", "_slices", "seconds")

    def __init__(self, expected: float, now: Callable[[], float], policy: HedgingPolicy | None = None) -> None:
        self._now = now
        self._policy = policy or HedgingPolicy()
        self._counts = [0] * _BUCKETS
        self._answers = 0
        self._ends_at = now() + SLICE_SECONDS
        self._slices: deque[tuple[float, float]] = deque()  # (when it ended, its percentile), oldest first
        self.seconds = self._policy.patience(expected)

    @property
    def is_bounded(self) -> bool:
        """Whether it is as long as the policy allows."""
        return self.seconds >= self._policy.most_patience

    def add(self, seconds: float) -> None:
        """Add the latency of one answer, or the time for which one was awaited in vain."""
        bucket = 0 if seconds <= _LOWEST else min(math.ceil(_STEPS * math.log2(seconds / _LOWEST)), _BUCKETS - 1)
        self._counts[bucket] += 1
        self._answers += 1
        if self._answers < LEAST_ANSWERS:
            return
        now = self._now()
        if now >= self._ends_at:
            self._end_slice(now)
        elif not self._slices and self._answers == LEAST_ANSWERS:
            self.seconds = self._policy.patience(self._percentile())

    def _end_slice(self, now: float) -> None:
        self._slices.append((now, self._percentile()))
        while self._slices[0][0] < now - REMEMBERED_SECONDS:
            self._slices.popleft()
        self.seconds = self._policy.patience(min(percentile for _, percentile in self._slices))
        self._counts = [0] * _BUCKETS
        self._answers = 0
        self._ends_at = now + SLICE_SECONDS

    def _percentile(self) -> float:
        """Return the upper end of the bucket in which the percentile of this slice lies, in seconds."""
        left = math.ceil(_PERCENTILE * self._answers)
        for bucket, count in enumerate(self._counts):
            left -= count
            if left <= 0:
                return _LOWEST * math.exp2(bucket / _STEPS)
        raise AssertionError("a percentile of no answers")


class LearnedPatience:
    """The patience with one provider, for each class of operations on its own."""

    __slots__ = ("_of",)

    def __init__(
        self,
        expected: float = QUICK,
        now: Callable[[], float] = time.monotonic,
        policy: HedgingPolicy | None = None,
    ) -> None:
        self._of = {operation: Patience(expected, now, policy) for operation in OperationClass}

    def of(self, operation: OperationClass) -> Patience:
        """Return the patience with operations of this class."""
        return self._of[operation]

    def seconds(self, operation: OperationClass) -> float:
        """Return the seconds after which an operation of this class is slow at this provider."""
        return self._of[operation].seconds

    def is_bounded(self, operation: OperationClass) -> bool:
        """Return whether it is as long as it may be at most, so that good times may take longer still."""
        return self._of[operation].is_bounded
