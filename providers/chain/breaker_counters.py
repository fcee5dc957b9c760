"""The failure counters of a circuit breaker: all calls, failures other than timeouts, and timeouts by class."""

from collections.abc import Callable

from providers.chain.failure_counter import FailureCounter
from providers.chain.policy import BreakerPolicy, OperationClass


class BreakerCounters:
    """Count the calls to one provider; `all` counts each of them."""

    __slots__ = ("_errors", "_timeouts", "all")

    def __init__(self, policy: BreakerPolicy, now: Callable[[], float]) -> None:
        self.all = FailureCounter(policy, now)
        self._errors = FailureCounter(policy, now)
        # A timeout counts for its class of operations alone: that recalls are slow says nothing about writes.
        self._timeouts = {operation: FailureCounter(policy, now) for operation in OperationClass}

    def succeeded(self, operation: OperationClass) -> None:
        """Count a call that succeeded."""
        for counter in (self.all, self._errors, self._timeouts[operation]):
            counter.succeeded()

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
