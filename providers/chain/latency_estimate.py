"""How long a provider usually takes, learned from its answers."""

import math
from collections import deque

from providers.chain.policy import OperationClass
from providers.expectations import LEAST_TRY, MOST_TRY, USUAL_FACTOR

SAMPLES = 64  # answers that count, the last ones
LEAST_SAMPLES = 8  # before which what is expected of the kind counts as well
_PERCENTILE = 0.9
_AGAIN = 8  # answers after which it is computed anew
_SHARE_OF_EACH = 0.1  # of what a single call is expected to take, what each memory of a batch is expected to


class LatencyEstimate:
    """The 90th percentile of the last answers; `expected` until there are enough of them."""

    __slots__ = ("_expected", "_samples", "_since", "_value")

    def __init__(self, expected: float) -> None:
        self._expected = expected
        self._samples: deque[float] = deque(maxlen=SAMPLES)
        self._since = 0
        self._value = expected

    def add(self, seconds: float) -> None:
        """Learn of one answer."""
        self._samples.append(seconds)
        self._since += 1
        if self._since >= _AGAIN or len(self._samples) <= LEAST_SAMPLES:
            self._since = 0
            self._value = self._computed()

    @property
    def value(self) -> float:
        """Return it in seconds."""
        return self._value

    def _computed(self) -> float:
        ordered = sorted(self._samples)
        found = ordered[math.ceil(_PERCENTILE * len(ordered)) - 1]
        return found if len(ordered) >= LEAST_SAMPLES else max(found, self._expected)


class LatencyEstimates:
    """How long each class of operations usually takes; a call about many memories is judged by the seconds of each.

    A call that was given up counts as well, with what it had taken by then, once it is known that the provider was not
    hung but slow.
    """

    __slots__ = ("_each", "_given_up", "_single")

    def __init__(self, expected: float) -> None:
        self._given_up: deque[tuple[OperationClass, int, float]] = deque(maxlen=SAMPLES)
        self._single = {operation: LatencyEstimate(expected) for operation in OperationClass}
        self._each = {operation: LatencyEstimate(_SHARE_OF_EACH * expected) for operation in OperationClass}

    def add(self, operation: OperationClass, size: int, seconds: float) -> None:
        """Learn of one answer to a call about `size` memories."""
        if size > 1:
            self._each[operation].add(seconds / size)
        else:
            self._single[operation].add(seconds)

    def give_up(self, operation: OperationClass, size: int, seconds: float) -> None:
        """Take note of a call that was given up after so many seconds."""
        self._given_up.append((operation, size, seconds))

    def was_slow(self) -> None:
        """Learn of the calls that were given up: the provider has been found to answer."""
        for operation, size, seconds in self._given_up:
            self.add(operation, size, seconds)
        self._given_up.clear()

    def seconds(self, operation: OperationClass, size: int = 1) -> float:
        """Return how long a call about `size` memories usually takes."""
        single = self._single[operation].value
        return single if size <= 1 else max(single, size * self._each[operation].value)

    def need(self, operation: OperationClass, size: int = 1) -> float:
        """Return the seconds after which a call without an answer counts as hung where another can be asked."""
        return enough(self.seconds(operation, size))


def enough(usual: float) -> float:
    """Return the seconds that whoever usually takes so long is to be given."""
    return min(max(LEAST_TRY, USUAL_FACTOR * usual), MOST_TRY)
