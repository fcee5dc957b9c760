"""What happens in a chain, as metrics."""

from math import nan

from observability.metrics import Metrics
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.observer import Attempt, ChainObserver, GivenUp
from providers.chain.policy import OperationClass
from providers.chain.status import ChainStatus, Role


class CountingObserver(ChainObserver):
    """Count attempts, retries, fallbacks, deliveries, and changes of breakers."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._shown: set[str] = set()
        self._kinds: dict[str, str] = {}

    def expect(self, provider: str, kind: str) -> None:
        """Create the children of one provider at start, so that `rate()` sees zeros before the first event."""
        metrics = self._metrics
        self._tell_kind(provider, kind)
        for operation in OperationClass:
            metrics.attempt_duration.labels(provider, operation.value, "ok")
            metrics.retries.labels(provider, operation.value)
            for reason in GivenUp:
                metrics.retries_given_up.labels(provider, operation.value, reason.value)
        for state in BreakerState:
            metrics.breaker_state.labels(provider, state.value).set(state is BreakerState.CLOSED)
            metrics.breaker_transitions.labels(provider, state.value)
        for outcome in ("done", "postponed", "dead"):
            metrics.deliveries.labels(provider, outcome)

    def tried(self, attempt: Attempt) -> None:
        """See `AttemptObserver`."""
        labels = attempt.provider, attempt.operation.value
        self._metrics.attempt_duration.labels(*labels, attempt.outcome).observe(attempt.seconds)
        if attempt.number > 1:
            self._metrics.retries.labels(*labels).inc()

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """See `AttemptObserver`."""
        self._metrics.retries_given_up.labels(provider, operation.value, reason.value).inc()

    def fell_back(self, source: str, target: str, operation: OperationClass, reason: str) -> None:
        """See `ChainObserver`."""
        self._metrics.fallbacks.labels(source, target, operation.value, reason).inc()

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """See `ChainObserver`."""
        self._metrics.deliveries.labels(provider, outcome).inc(count)

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """Take note of a breaker's new state."""
        for state in BreakerState:
            self._metrics.breaker_state.labels(snapshot.provider, state.value).set(state is snapshot.state)
        self._metrics.breaker_transitions.labels(snapshot.provider, snapshot.state.value).inc()

    def show(self, status: ChainStatus) -> None:
        """Bring the gauges up to a status."""
        metrics = self._metrics
        has_journal = status.journal is not None or status.journal_error is not None
        metrics.journal_up.set(status.journal is not None if has_journal else nan)
        names = {provider.name for provider in status.providers}
        for gone in self._shown - names:
            self._hide(gone)
        self._shown = names
        for provider in status.providers:
            for role in Role:
                metrics.provider_role.labels(provider.name, role.value).set(provider.role is role)
            metrics.calls_in_flight.labels(provider.name).set(provider.in_flight)
            metrics.places.labels(provider.name).set(provider.places)
            metrics.retries_left.labels(provider.name).set(provider.retries_left)
            if status.journal is not None:
                metrics.journal_pending.labels(provider.name).set(provider.pending)
                metrics.journal_oldest.labels(provider.name).set(provider.oldest_pending_seconds)
                metrics.journal_dead.labels(provider.name).set(provider.dead)

    def _hide(self, provider: str) -> None:
        """Drop the gauges of one that has left the order: their last values would be told for ever."""
        metrics = self._metrics
        for role in Role:
            metrics.provider_role.remove_by_labels({"provider": provider, "role": role.value})
        for state in BreakerState:
            metrics.breaker_state.remove_by_labels({"provider": provider, "state": state.value})
        for gauge in (
            metrics.calls_in_flight,
            metrics.places,
            metrics.retries_left,
            metrics.journal_pending,
            metrics.journal_oldest,
            metrics.journal_dead,
        ):
            gauge.remove_by_labels({"provider": provider})
        self._tell_kind(provider, None)

    def _tell_kind(self, provider: str, kind: str | None) -> None:
        """Say which kind of provider goes by a name now, and no longer which one did."""
        former = self._kinds.pop(provider, None)
        if former is not None:
            self._metrics.provider_kind.remove(provider, former)
        if kind is not None:
            self._kinds[provider] = kind
            self._metrics.provider_kind.labels(provider, kind).set(1)
