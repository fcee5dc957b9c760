"""The reporting of a provider's backlog: when it has grown long, and when it has drained."""

from providers.chain.reporting.damping import Condition, DampedState
from providers.chain.reporting.events import LogEvents

# Pending deliveries for one provider: more than a relay makes in a second by default, so that it is behind.
LONG_BACKLOG = 1_000
# Or seconds for which one of them has been pending: more than ten times the first pause of a breaker.
LONG_WAIT_SECONDS = 60.0
# Under load this many are always pending: one batch of a relay.
DRAINED = 100
GROWTH = 10  # growth by this factor is reported again


class BacklogReport:
    """Observe the backlog of one provider from one look to the next."""

    def __init__(self, provider: str, events: LogEvents) -> None:
        self._provider = provider
        self._events = events
        self._length: DampedState[Condition] = DampedState(Condition.HEALTHY, events.now)
        self._most = 0
        self._report_above = 0

    def look(self, pending: int, oldest_seconds: float, reason: str) -> None:
        """Observe how many deliveries are pending and for how long, and report a change with the `reason` they have."""
        healthy = self._length.state is Condition.HEALTHY
        if healthy:
            self._most = 0
        self._most = max(self._most, pending)
        bound = LONG_BACKLOG if healthy else DRAINED
        much = pending > bound or oldest_seconds > LONG_WAIT_SECONDS
        change = self._length.change(Condition.UNHEALTHY if much else Condition.HEALTHY) or self._length.due()
        if change is not None and not much:
            self._events.backlog_drained(self._provider, pending, self._most, change.former_since, change.changes)
        elif change is not None or (much and pending > self._report_above and not self._length.flapping):
            self._report_above = GROWTH * max(pending, LONG_BACKLOG)
            self._events.backlog_grew(self._provider, pending, oldest_seconds, reason)
