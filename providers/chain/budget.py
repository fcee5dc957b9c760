"""The retry budget of a provider: it keeps retries from multiplying the load on a provider that is already down."""

import time
from collections.abc import Callable

from providers.chain.policy import BudgetPolicy
from providers.chain.window import WIDTH, SlidingWindowCounter


class RetryBudget:
    """Allow retries up to a share of the requests of the last seconds, and a few in any case.

    Source: "Site Reliability Engineering" (2016), chapter 21: a ratio of 10 % keeps the load below 1.1 times.
    """

    def __init__(self, policy: BudgetPolicy, now: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._requests = SlidingWindowCounter(policy.window, now)
        # Retries are counted for one bucket longer than requests, so that the bound holds over every exact window.
        self._retries = SlidingWindowCounter(policy.window + WIDTH, now)

    def count_request(self) -> None:
        """Count a first try."""
        self._requests.add()

    def take(self) -> bool:
        """Take one retry from the budget; return False if it is exhausted."""
        if self._retries.total() >= self._allowed():
            return False
        self._retries.add()
        return True

    def left(self) -> int:
        """Return how many retries the budget allows now."""
        return max(0, self._allowed() - self._retries.total())

    def _allowed(self) -> int:
        return max(self._policy.at_least, int(self._policy.share * self._requests.total()))
