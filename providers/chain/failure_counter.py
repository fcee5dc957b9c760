"""Calls and failures of late, and whether there are too many failures among them."""

from collections.abc import Callable

from providers.chain.policy import BreakerPolicy
from providers.chain.window import SlidingWindowCounter


class FailureCounter:
    """Count calls of one kind within the window of the policy, and failures one after the other."""

    __slots__ = ("_calls", "_failures", "_policy", "failures_in_a_row")

    def __init__(self, policy: BreakerPolicy, now: Callable[[], float]) -> None:
        self.failures_in_a_row = 0
        self._policy = policy
        self._calls = SlidingWindowCounter(policy.window, now)
        self._failures = SlidingWindowCounter(policy.window, now)

    @property
    def calls(self) -> int:
        """Return how many calls there were of late."""
        return self._calls.total()

    @property
    def failures(self) -> int:
        """Return how many of them failed."""
        return self._failures.total()

    @property
    def streak_exceeded(self) -> bool:
        """Whether as many failed one after the other as are too many."""
        return self.failures_in_a_row >= self._policy.in_a_row

    @property
    def rate_exceeded(self) -> bool:
        """Whether of enough calls so many failed that it cannot be by chance."""
        calls = self._calls.total()
        return calls >= self._policy.least_calls and self._failures.total() >= self._policy.failure_share * calls

    def succeeded(self) -> None:
        """Count a call that succeeded."""
        self.failures_in_a_row = 0
        self._calls.add()

    def failed(self) -> None:
        """Count a call that failed."""
        self.failures_in_a_row += 1
        self._calls.add()
        self._failures.add()

    def reset_streak(self) -> None:
        """Begin to count anew what fails one after the other."""
        self.failures_in_a_row = 0

    def clear(self) -> None:
        """Forget them all."""
        self.failures_in_a_row = 0
        self._calls.clear()
        self._failures.clear()

    def trip_reason(self) -> str:
        """Say why there are too many failures; nothing if there are not."""
        if self.streak_exceeded:
            return f"{self.failures_in_a_row} failures in a row"
        if self.rate_exceeded:
            return f"{self.failures} of {self.calls} calls failed within {self._policy.window:g} s"
        return ""
