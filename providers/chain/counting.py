"""The metrics of a chain: attempts, retries, hedges, fallbacks, deliveries and breaker transitions."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from observability.metrics import OPERATIONS, Metrics
from providers.answers import PARTIAL
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.comparing.comparison import Fault
from providers.chain.confirming import HOME_SLOW
from providers.chain.errors import BreakerOpen, BulkheadFull, Contradicted, CutShort, NoTimeLeft
from providers.chain.execution import RESTORED
from providers.chain.fallback import SLOW
from providers.chain.gauges import Gauges
from providers.chain.observer import (
    Attempt,
    GivenUp,
    HedgeEvent,
    JournalCall,
    LateEnd,
    SlowReason,
    StoreEvent,
    Unobserved,
)
from providers.chain.overlay import UNVERIFIED
from providers.chain.pending_view import FarBehind
from providers.chain.policy import OperationClass
from providers.chain.status import ChainStatus
from providers.errors import Misconfigured, Throttled, TimedOut, Unavailable
from providers.journal.base import JournalUnavailable
from providers.types import MemoryRecord

# The outcomes of a call without an answer: failures of the provider, and our own refusals to call it.
_KINDS = (
    Unavailable,
    TimedOut,
    Throttled,
    Misconfigured,
    BreakerOpen,
    BulkheadFull,
    NoTimeLeft,
    CutShort,
    FarBehind,
    Contradicted,
)
FAILURES = tuple(kind.outcome for kind in _KINDS)
# Only series that alerts and dashboards query by name start at zero: each child of a histogram is some twenty series.
_ATTEMPTS = ("ok", Unavailable.outcome, TimedOut.outcome, Misconfigured.outcome)
_READS = ("recall", "get", "list_memories", "recall_many")
_WRITES = ("remember", "update", "delete", "remember_many")
# Operations that go through all memories of a user.
_LISTINGS = ("recall", "list_memories", "recall_many", "delete_all")


class CountingObserver(Unobserved):
    """Count attempts, retries, hedges, fallbacks, deliveries and breaker transitions."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._gauges = Gauges(metrics)
        for call in JournalCall:
            for outcome in ("ok", JournalUnavailable.outcome):
                metrics.journal_duration.labels(call.value, outcome)
        for reason in SlowReason:
            metrics.slowed_writes.labels(reason.value)

    def expect(self, provider: str, kind: str) -> None:
        """Create the time series of one provider at start, so that `rate()` sees zeros before the first event."""
        metrics = self._metrics
        self._gauges.begin(provider, kind)
        for operation in OperationClass:
            for outcome in _ATTEMPTS:
                metrics.attempt_duration.labels(provider, operation.value, outcome)
            metrics.retries.labels(provider, operation.value)
            for reason in GivenUp:
                metrics.retries_given_up.labels(provider, operation.value, reason.value)
            for event in HedgeEvent if not operation.writes else ():
                metrics.hedges.labels(provider, operation.value, event.value)
        for state in BreakerState:
            metrics.breaker_transitions.labels(provider, state.value)
        for outcome in ("done", "held", "postponed", "dead"):
            metrics.deliveries.labels(provider, outcome)
        metrics.delivery_lag.labels(provider)
        for end in LateEnd:
            metrics.background_tries.labels(provider, end.value)
        for fault in Fault:
            metrics.store_differences_healed.labels(provider, fault.value)
        metrics.contradictions.labels(provider)
        metrics.expired_memories.labels(provider)
        metrics.erased_states.labels(provider)
        for store_event in StoreEvent:
            metrics.store_events.labels(provider, store_event.value)

    def expect_order(self, order: Sequence[str]) -> None:
        """Create the time series of an order: fallbacks between its providers, and the reasons of degraded answers."""
        for provider in order:
            self._metrics.expect_operations(provider, ("ok",))
        self._metrics.expect_operations(order[0], (Unavailable.outcome, TimedOut.outcome))
        for operation_name in _LISTINGS:
            self._metrics.degraded.labels(operation_name, PARTIAL)
        for operation_name in (*_READS, *_WRITES):
            self._metrics.degraded.labels(operation_name, RESTORED)
        if len(order) == 1:
            return
        for source, target in combinations(order, 2):
            for operation in (OperationClass.RECALL, OperationClass.READ):
                for reason in FAILURES:
                    self._metrics.fallbacks.labels(source, target, operation.value, reason)
        for operation_name in OPERATIONS:
            for reason in _lacking(operation_name):
                self._metrics.degraded.labels(operation_name, reason)

    def tried(self, attempt: Attempt) -> None:
        """See `AttemptObserver`."""
        self._metrics.observe_attempt(attempt.provider, attempt.operation.value, attempt.outcome, attempt.seconds)
        if attempt.number > 1:
            self._metrics.retries.labels(attempt.provider, attempt.operation.value).inc()

    def gave_up(self, provider: str, operation: OperationClass, reason: GivenUp) -> None:
        """See `AttemptObserver`."""
        self._metrics.retries_given_up.labels(provider, operation.value, reason.value).inc()

    def hedged(self, provider: str, operation: OperationClass, event: HedgeEvent) -> None:
        """See `ChainObserver`."""
        self._metrics.hedges.labels(provider, operation.value, event.value).inc()

    def fell_back(self, source: str, target: str, operation: OperationClass, reason: str) -> None:
        """See `ChainObserver`."""
        self._metrics.fallbacks.labels(source, target, operation.value, reason).inc()

    def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:
        """See `ChainObserver`."""
        self._metrics.observe_journal(call.value, outcome, seconds)

    def delivered(self, provider: str, outcome: str, count: int) -> None:
        """See `ChainObserver`."""
        self._metrics.deliveries.labels(provider, outcome).inc(count)

    def confirmed(self, provider: str, seconds: float) -> None:
        """See `ChainObserver`; the lag is negative if the clock of the journal was set back meanwhile."""
        self._metrics.delivery_lag.labels(provider).observe(max(0.0, seconds))

    def ended_late(self, provider: str, end: LateEnd) -> None:
        """See `ChainObserver`."""
        self._metrics.background_tries.labels(provider, end.value).inc()

    def slowed(self, reason: SlowReason) -> None:
        """See `ChainObserver`."""
        self._metrics.slowed_writes.labels(reason.value).inc()

    def healed(self, provider: str, kind: str) -> None:
        """See `ChainObserver`."""
        self._metrics.store_differences_healed.labels(provider, kind).inc()

    def erasing(self, count: int, oldest_seconds: float) -> None:
        """Show them."""
        self._metrics.erasures_pending.set(count)
        self._metrics.erasures_oldest.set(oldest_seconds)

    def purged(self, provider: str, count: int) -> None:
        """Count them."""
        self._metrics.erased_states.labels(provider).inc(count)

    def expired(self, provider: str, count: int) -> None:
        """See `ChainObserver`."""
        self._metrics.expired_memories.labels(provider).inc(count)

    def retained(self, provider: str, rule: str, memories: Sequence[MemoryRecord]) -> None:  # noqa: ARG002 - see above
        """See `ChainObserver`."""
        self._metrics.retention_erased.labels(rule).inc(len(memories))

    def contradicted(self, provider: str) -> None:
        """See `ChainObserver`."""
        self._metrics.contradictions.labels(provider).inc()

    def met_store(self, provider: str, event: StoreEvent) -> None:
        """See `ChainObserver`."""
        self._metrics.store_events.labels(provider, event.value).inc()

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """See `ChainObserver`."""
        self._gauges.breaker_changed(snapshot)
        self._metrics.breaker_transitions.labels(snapshot.provider, snapshot.state.value).inc()

    def show(self, status: ChainStatus) -> None:
        """Update the gauges from a status."""
        self._gauges.show(status)


def _lacking(operation: str) -> Iterator[str]:
    """Yield the reasons why the answer to an operation may be degraded where there are several providers."""
    if operation in _READS or operation in _WRITES:
        yield from (f"home_{failure}" for failure in FAILURES)
    if operation in _READS:
        yield from (f"home_{SLOW}", "last_resort", JournalUnavailable.outcome, UNVERIFIED, Contradicted.outcome)
    if operation in _WRITES:
        yield "home_incomplete"
        yield HOME_SLOW
