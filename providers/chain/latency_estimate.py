"""The usual latency of a provider, estimated from its answers."""

import math
from collections import deque

from providers.chain.policy import OperationClass
from providers.expectations import LEAST_TRY, MOST_TRY, USUAL_FACTOR

SAMPLES = 64  # the last answers, which count
LEAST_SAMPLES = 8  # with fewer the expectation for the kind counts as well
_PERCENTILE = 0.9
_AGAIN = 8  # answers between two computations
_SHARE_OF_EACH = 0.1  # the expected share of a single call's latency that each memory of a batch takes


class LatencyEstimate:
    """The 90th percentile of the last latencies in seconds, as `value`; `expected` until there are enough of them."""

    __slots__ = ("_expected", "_samples", "_since", "value")

    def __init__(self, expected: float) -> None:
        self._expected = expected
        self._samples: deque[float] = deque(maxlen=SAMPLES)
        self._since = 0
        self.value = expected

    def add(self, seconds: float) -> None:
        """Add one latency."""
        self._samples.append(seconds)
        self._since += 1
        if self._since >= _AGAIN or len(self._samples) <= LEAST_SAMPLES:
            self._since = 0
            self.value = self._computed()

    def _computed(self) -> float:
        ordered = sorted(self._samples)
        found = ordered[math.ceil(_PERCENTILE * len(ordered)) - 1]
        return found if len(ordered) >= LEAST_SAMPLES else max(found, self._expected)


class LatencyEstimates:
    """Estimate the latency of each class of operations; a call about many memories is judged by the seconds of each.

    An abandoned call counts as well, with the time that it had taken by then, once the provider turns out to be slow
    and not hung.
    """

    __slots__ = ("_abandoned", "_each", "_single")

    def __init__(self, expected: float) -> None:
        self._abandoned: deque[tuple[OperationClass, int, float]] = deque(maxlen=SAMPLES)
        self._single = {operation: LatencyEstimate(expected) for operation in OperationClass}
        self._each = {operation: LatencyEstimate(_SHARE_OF_EACH * expected) for operation in OperationClass}

    def add(self, operation: OperationClass, size: int, seconds: float) -> None:
        """Add the latency of one call about `size` memories."""
        if size > 1:
            self._each[operation].add(seconds / size)
        else:
            self._single[operation].add(seconds)

    def abandon(self, operation: OperationClass, size: int, seconds: float) -> None:
        """Record a call that was abandoned after this many seconds."""
        self._abandoned.append((operation, size, seconds))

    def count_abandoned(self) -> None:
        """Add the abandoned calls: the provider has turned out to answer."""
        for operation, size, seconds in self._abandoned:
            self.add(operation, size, seconds)
        self._abandoned.clear()

    def seconds(self, operation: OperationClass, size: int = 1) -> float:
        """Return the usual latency of a call about `size` memories."""
        single = self._single[operation].value
        return single if size <= 1 else max(single, size * self._each[operation].value)

    def need(self, operation: OperationClass, size: int = 1) -> float:
        """Return the seconds after which a call counts as hung where another provider can be asked."""
        return hang_timeout(self.seconds(operation, size))


def hang_timeout(usual: float) -> float:
    """Return the seconds after which a call counts as hung, given its usual latency."""
    return min(max(LEAST_TRY, USUAL_FACTOR * usual), MOST_TRY)
