"""A dependency that can be lost and come back: a provider with its breaker, or the journal."""

from collections.abc import Callable

from observability.log_throttle import is_logged
from providers.chain.breaker_state import BreakerState
from providers.chain.reporting.damping import Condition, DampedState

# Failures in a row after which a dependency counts as lost. Two are enough if they lie `LOST_SECONDS` apart, so that
# rare requests suffice to detect an outage and a single failure does not.
LOST_FAILURES = 3
LOST_SECONDS = 1.0

_REFUSING = frozenset({BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.FORCED_OPEN})


class Dependency:
    """What has been observed of a dependency: whether it answers, and whether its breaker admits calls by itself.

    `reason` is why it was lost last, `why` why its breaker changed last, and `openings` how often the breaker has
    opened since it was last closed. Its `pace` is unhealthy while it is asked second.
    """

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self.name = name
        self.reason = ""
        self.why = ""
        self.answers: DampedState[Condition] = DampedState(Condition.HEALTHY, now)
        self.passes: DampedState[Condition] = DampedState(Condition.HEALTHY, now)
        self.pace: DampedState[Condition] = DampedState(Condition.HEALTHY, now)
        self.breaker = BreakerState.CLOSED
        self.openings = 0
        self.failing_since: float | None = None
        self._failures = 0
        self._now = now

    @property
    def healthy(self) -> bool:
        """Whether it is called, and expected to answer."""
        return self.answers.state is Condition.HEALTHY and self.breaker not in _REFUSING

    @property
    def worth_reporting(self) -> bool:
        """Whether to report this opening of the breaker: of a long outage the 1st, 2nd, 4th, 8th and so on."""
        return is_logged(self.openings) and not self.passes.flapping

    def failed(self) -> bool:
        """Record a failure, and return whether the dependency is lost by now."""
        now = self._now()
        if self.failing_since is None:
            self.failing_since = now
        self._failures += 1
        lasting = now - self.failing_since >= LOST_SECONDS
        return self._failures >= LOST_FAILURES or lasting

    def answered(self) -> None:
        """Record an answer."""
        self._failures = 0
        self.failing_since = None
