"""The pace of a provider: how long it takes in good times, whether it does so now, and whether it is asked second."""

import time
from collections import deque
from collections.abc import Callable

from providers.chain.hedging.patience import LearnedPatience
from providers.chain.policy import HedgingPolicy, OperationClass
from providers.chain.window import SlidingWindowCounter
from providers.expectations import QUICK

# A provider is asked second if this share of at least so many tries within so many seconds was slow.
SLOW_SHARE = 0.5
LEAST_TRIES = 10
WINDOW_SECONDS = 10.0

# The last reads, which show whether a provider answers most of them within patience at this moment. They are so few
# that what a budget allows in any case suffices to find out that it does not.
LAST_READS = 6

# While a provider is asked second it is asked with one read in so many, and with one in so many seconds at least; it is
# asked first again after so many quick answers in a row.
SAMPLED_READS = 100
SAMPLED_SECONDS = 1.0
QUICK_ANSWERS = 5

_ROUNDING = 0.005  # seconds by which a try may begin later than the patience of its read


class Pace:
    """The pace of one provider as one process sees it; all times are without the lag of this process.

    One call is `expected` to take so many seconds until some have been measured.

    A try is slow if its answer has not come at the end of patience, whatever became of the try afterwards. Only reads
    count, and only those about a single memory or question: for nothing else can somebody else be asked instead.
    """

    __slots__ = (
        "_last",
        "_now",
        "_quick",
        "_sampled_at",
        "_slow",
        "_tries",
        "_unsampled",
        "expected",
        "patience",
        "second",
    )

    def __init__(
        self,
        expected: float = QUICK,
        now: Callable[[], float] = time.monotonic,
        policy: HedgingPolicy | None = None,
    ) -> None:
        self.expected = expected
        self.patience = LearnedPatience(expected, now, policy)
        self.second = False  # whether it is asked second
        self._now = now
        self._tries = SlidingWindowCounter(WINDOW_SECONDS, now)
        self._slow = SlidingWindowCounter(WINDOW_SECONDS, now)
        self._last: deque[bool] = deque([False] * LAST_READS, maxlen=LAST_READS)  # whether patience ended
        self._quick = 0  # answers in a row while it is asked second
        self._unsampled = 0  # reads since the last sample
        self._sampled_at = 0.0

    @property
    def mostly_slow(self) -> bool:
        """Whether most of the last reads had no answer within patience."""
        return sum(self._last) >= SLOW_SHARE * LAST_READS

    def note_read(self, *, in_time: bool) -> None:
        """Note a read that was over within patience, or one with which patience has just ended."""
        self._last.append(not in_time)

    def answered(self, operation: OperationClass, size: int, seconds: float) -> None:
        """Count a try that was answered after these seconds."""
        if size > 1:
            return  # a call about many memories says nothing about others
        patience = self.patience.of(operation)
        slow = seconds + _ROUNDING >= patience.seconds
        patience.add(seconds)
        if not operation.writes:
            self._count(slow=slow)

    def unanswered(self, operation: OperationClass, size: int, seconds: float) -> bool:
        """Count a try that had no answer after these seconds, and return whether patience had ended by then."""
        patience = self.patience.of(operation)
        if seconds + _ROUNDING < patience.seconds:
            return False
        if size <= 1:
            patience.add(seconds)
            if not operation.writes:
                self._count(slow=True)
        return True

    def take_sample(self) -> bool:
        """Count a read that goes elsewhere first; return whether the provider is to be asked all the same."""
        self._unsampled += 1
        now = self._now()
        if self._unsampled < SAMPLED_READS and now - self._sampled_at < SAMPLED_SECONDS:
            return False
        self._unsampled = 0
        self._sampled_at = now
        return True

    def _count(self, *, slow: bool) -> None:
        if self.second:
            self._quick = 0 if slow else self._quick + 1
            if self._quick >= QUICK_ANSWERS:
                self._begin(second=False)
            return
        self._tries.add()
        if not slow:
            return
        self._slow.add()
        tries = self._tries.total()
        if tries >= LEAST_TRIES and self._slow.total() >= SLOW_SHARE * tries:
            self._begin(second=True)

    def _begin(self, *, second: bool) -> None:
        self.second = second
        self._quick = self._unsampled = 0
        self._sampled_at = self._now()
        self._tries.clear()
        self._slow.clear()
        self._last.extend([False] * LAST_READS)
