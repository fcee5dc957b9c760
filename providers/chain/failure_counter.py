"""The counters of a circuit breaker: recent calls, and whether too many of them have failed."""

from collections.abc import Callable

from providers.chain.policy import BreakerPolicy, OperationClass
from providers.chain.window import SlidingWindowCounter


class FailureCounter:
    """Count calls and failures within the window of the policy, and the failures in a row.

    Two that count the same calls that succeed may share the count of these `successes`.
    """

    __slots__ = ("_failures", "_policy", "_successes", "failures_in_a_row")

    def __init__(
        self, policy: BreakerPolicy, now: Callable[[], float], successes: SlidingWindowCounter | None = None
    ) -> None:
        self.failures_in_a_row = 0
        self._policy = policy
        self._successes = successes or SlidingWindowCounter(policy.window, now)
        self._failures = SlidingWindowCounter(policy.window, now)

    @property
    def calls(self) -> int:
        """The number of recent calls."""
        return self._successes.total() + self._failures.total()

    @property
    def failures(self) -> int:
        """The number of recent calls that failed."""
        return self._failures.total()

    @property
    def streak_exceeded(self) -> bool:
        """Whether the failures in a row have reached the limit of the policy."""
        return self.failures_in_a_row >= self._policy.in_a_row

    @property
    def rate_exceeded(self) -> bool:
        """Whether the failure rate of enough calls has reached the limit of the policy."""
        calls = self.calls
        return calls >= self._policy.least_calls and self._failures.total() >= self._policy.failure_share * calls

    def succeeded(self) -> None:
        """Count a call that succeeded."""
        self.failures_in_a_row = 0
        self._successes.add()

    def failed(self) -> None:
        """Count a call that failed."""
        self.failures_in_a_row += 1
        self._failures.add()

    def reset_streak(self) -> None:
        """Begin a new streak of failures."""
        self.failures_in_a_row = 0

    def clear(self) -> None:
        """Forget all calls."""
        self.failures_in_a_row = 0
        self._successes.clear()
        self._failures.clear()

    def trip_reason(self) -> str:
        """Return why there are too many failures, an empty text if there are not."""
        if self.streak_exceeded:
            return f"{self.failures_in_a_row} failures in a row"
        if self.rate_exceeded:
            return f"{self.failures} of {self.calls} calls failed within {self._policy.window:g} s"
        return ""


class BreakerCounters:
    """Count the calls to one provider; `all` counts each of them."""

    __slots__ = ("_errors", "_timeouts", "all")

    def __init__(self, policy: BreakerPolicy, now: Callable[[], float]) -> None:
        successes = SlidingWindowCounter(policy.window, now)
        self.all = FailureCounter(policy, now, successes)
        self._errors = FailureCounter(policy, now, successes)
        # A timeout counts for its class of operations alone: that recalls are slow says nothing about writes.
        self._timeouts = {operation: FailureCounter(policy, now) for operation in OperationClass}

    def succeeded(self, operation: OperationClass) -> None:
        """Count a call that succeeded."""
        self.all.succeeded()
        self._errors.reset_streak()  # it shares what has succeeded
        self._timeouts[operation].succeeded()

    def failed(self, operation: OperationClass, *, timed_out: bool) -> FailureCounter:
        """Count a call that failed, and return the counter that decides whether the breaker opens."""
        counter = self._timeouts[operation] if timed_out else self._errors
        self.all.failed()
        counter.failed()
        return counter

    def dismiss_suspicion(self) -> None:
        """Reset what a successful probe refutes: streaks and timeouts; the failure rate of other errors stays."""
        self._errors.reset_streak()
        for counter in self._timeouts.values():
            counter.clear()

    def clear(self) -> None:
        """Forget all calls."""
        for counter in (self.all, self._errors, *self._timeouts.values()):
            counter.clear()
