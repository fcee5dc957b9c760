"""The reporter of a chain: it observes all that happens, and logs each change of state once."""

from collections.abc import Sequence

from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import counts_as_failure
from providers.chain.observer import Attempt, JournalCall, Unobserved
from providers.chain.reporting.backfills import PostponedBackfills
from providers.chain.reporting.backlog import BacklogReport
from providers.chain.reporting.contradictions import Contradictions
from providers.chain.reporting.damping import Condition, StateChange
from providers.chain.reporting.dependency import Dependency
from providers.chain.reporting.events import LogEvents, Serving, Writes
from providers.chain.reporting.read_routing import ReadRouting
from providers.chain.status import ChainStatus, ProviderStatus, Role
from providers.errors import ProviderError, Rejected, Throttled, TimedOut, Unavailable
from providers.journal.base import JournalUnavailable

_FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_INCONCLUSIVE = frozenset({"cancelled", "bug"})  # outcomes that say nothing about the dependency


class Reporter(Unobserved):
    """Observe everything that happens, and log what operators should know; each process reports what it observes.

    It is pure but for the log events: it never waits, and its clock is that of the events.
    """

    def __init__(self, events: LogEvents | None = None) -> None:
        self._events = events or LogEvents()
        self._now = self._events.now
        self._order: tuple[str, ...] = ()
        self._readers: tuple[str, ...] = ()
        self._journalled = False
        self._journal = Dependency("journal", self._now)
        self._providers: dict[str, Dependency] = {}
        self._backlogs: dict[str, BacklogReport] = {}
        self._backfills = PostponedBackfills(self._now)
        self._contradictions = Contradictions(self._now)
        self._reads = ReadRouting(self._events, self._unhealthy)

    def routed(self, order: Sequence[str], complete: frozenset[str], *, journalled: bool) -> None:
        """See `ChainObserver`."""
        self._journalled = journalled
        former, self._order = self._order, tuple(order)
        self._readers = tuple(name for name in order if name in complete)
        for gone in set(former) - set(order):
            self._providers.pop(gone, None)
            self._backlogs.pop(gone, None)
            self._contradictions.forget(gone)
        for name in order:
            self._providers.setdefault(name, Dependency(name, self._now))
            self._backlogs.setdefault(name, BacklogReport(name, self._events))
        for name in {*complete, *former} - (set(order) - complete):
            self._backfills.forget(name)
        self._reads.routed(order, self._readers)

    def not_reached(self, provider: str, reason: str) -> None:
        """See `ChainObserver`."""
        dependency = self._providers.get(provider)
        if dependency is None or dependency.answers.state is Condition.UNHEALTHY:
            return
        dependency.reason = reason
        dependency.answers.settle(Condition.UNHEALTHY)
        self._events.provider_not_reached(provider, reason, self._serving())

    def reached(self, provider: str) -> None:
        """See `ChainObserver`."""
        if (dependency := self._providers.get(provider)) is not None:
            self._answered(dependency)

    def tried(self, attempt: Attempt) -> None:
        """See `AttemptObserver`."""
        dependency = self._providers.get(attempt.provider)
        if dependency is None:  # the last calls to a provider that has left
            return
        error = attempt.error
        if attempt.outcome == "ok" or isinstance(error, Rejected):
            self._answered(dependency)
        elif error is not None and counts_as_failure(error):
            lost = dependency.failed()
            # A timeout may be caused by the request, and a throttled call was answered: both are left to the breaker.
            if lost and not isinstance(error, (TimedOut, Throttled)):
                self._lose(dependency, _reason(error))

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """See `ChainObserver`; what an operator does to a breaker is logged where it is done."""
        if (dependency := self._providers.get(snapshot.provider)) is None:
            return
        before, dependency.breaker, dependency.why = dependency.breaker, snapshot.state, snapshot.why
        if snapshot.state is BreakerState.OPEN:
            self._opened(dependency)
        elif snapshot.state is BreakerState.HALF_OPEN:
            if dependency.worth_reporting:
                self._events.breaker_half_open(
                    dependency.name, snapshot.why, dependency.passes.since, dependency.openings
                )
        elif snapshot.state is BreakerState.CLOSED and before not in _FORCED:
            self._answered(dependency)
            self._report_breaker(dependency, dependency.passes.change(Condition.HEALTHY))
        else:
            dependency.passes.settle(Condition.HEALTHY)

    def read_by(self, provider: str, instead_of: str | None, reason: str) -> None:
        """See `ChainObserver`."""
        self._reads.by(provider, instead_of, reason)

    def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:  # noqa: ARG002 - of the protocol
        """See `ChainObserver`."""
        if outcome == JournalUnavailable.outcome:
            self._failed(self._journal, f"no answer when asked to {call.value}")
        elif outcome not in _INCONCLUSIVE:
            self._answered(self._journal)

    def contradicted(self, provider: str) -> None:
        """See `ChainObserver`."""
        if count := self._contradictions.note(provider):
            self._events.provider_contradicted(provider, count)

    def filling_postponed(self, provider: str, reason: str, next_try: float) -> None:
        """See `ChainObserver`."""
        postponement = self._backfills.postponed(provider, reason)
        if postponement is not None:
            self._events.filling_postponed(provider, reason, postponement.since, postponement.tries, next_try)

    def look(self, status: ChainStatus) -> None:
        """Inspect the whole status, and report what was held back; to be called every few seconds."""
        if status.journal_error is not None:
            self._failed(self._journal, status.journal_error)
        elif status.journal is not None:
            self._answered(self._journal)
        for provider in status.providers:
            dependency = self._providers.get(provider.name)
            if dependency is None:
                continue
            # A provider that was replaced has a new breaker, which knows nothing of the former one.
            if provider.breaker.state is BreakerState.CLOSED and dependency.breaker is not BreakerState.CLOSED:
                self.breaker_changed(provider.breaker)
            self._report_pace(dependency, provider)
            if status.journal is not None:
                reason = self._hindrance(dependency, provider.role)
                self._backlogs[provider.name].look(provider.pending, provider.oldest_pending_seconds, reason)
        for dependency in self._providers.values():
            self._report(dependency, dependency.answers.due())
            self._report_breaker(dependency, dependency.passes.due())
        self._report(self._journal, self._journal.answers.due())
        self._reads.look()

    def _answered(self, dependency: Dependency) -> None:
        dependency.answered()
        if dependency.answers.state is Condition.UNHEALTHY:
            self._report(dependency, dependency.answers.change(Condition.HEALTHY))

    def _failed(self, dependency: Dependency, reason: str) -> None:
        if dependency.failed():
            self._lose(dependency, reason)

    def _lose(self, dependency: Dependency, reason: str) -> None:
        if dependency.answers.state is Condition.HEALTHY:
            dependency.reason = reason
            self._report(dependency, dependency.answers.change(Condition.UNHEALTHY, dependency.failing_since))

    def _report(self, dependency: Dependency, change: StateChange | None) -> None:
        if change is None:
            return
        if dependency is self._journal:
            self._report_journal(change)
            return
        name, changes = dependency.name, change.changes
        if dependency.answers.state is Condition.HEALTHY:
            self._events.provider_answers_again(name, change.former_since, changes, self._serving())
        else:
            self._events.provider_lost(name, dependency.reason, change.since, changes, self._serving())

    def _opened(self, dependency: Dependency) -> None:
        self._lose(dependency, dependency.why)
        dependency.openings = 1 if dependency.passes.state is Condition.HEALTHY else dependency.openings + 1
        change = dependency.passes.change(Condition.UNHEALTHY)
        if change is None and dependency.openings > 1 and dependency.worth_reporting:
            self._events.breaker_opened(
                dependency.name, dependency.why, dependency.passes.since, dependency.openings, self._serving()
            )
        self._report_breaker(dependency, change)

    def _report_breaker(self, dependency: Dependency, change: StateChange | None) -> None:
        if change is None:
            return
        name, why, openings = dependency.name, dependency.why, dependency.openings
        if dependency.passes.state is Condition.HEALTHY:
            self._events.breaker_closed(name, why, change.former_since, openings, self._serving())
        else:
            self._events.breaker_opened(name, why, change.since, openings, self._serving())

    def _report_pace(self, dependency: Dependency, provider: ProviderStatus) -> None:
        pace = dependency.pace
        change = pace.change(Condition.UNHEALTHY if provider.asked_second else Condition.HEALTHY) or pace.due()
        if change is None:
            return
        if provider.asked_second:
            self._events.provider_asked_second(dependency.name, provider.patience, change.since, change.changes)
        else:
            self._events.provider_asked_first(dependency.name, change.former_since, change.changes)

    def _report_journal(self, change: StateChange) -> None:
        if self._journal.answers.state is Condition.HEALTHY:
            self._events.journal_answers_again(change.former_since, change.changes, self._serving())
        else:
            self._events.journal_lost(self._journal.reason, change.since, change.changes, self._serving())

    def _hindrance(self, dependency: Dependency, role: Role) -> str:
        """Return why deliveries to a provider may be pending."""
        if dependency.answers.state is Condition.UNHEALTHY:
            return f"{dependency.name} does not answer: {dependency.reason}"
        if not dependency.healthy:
            return f"the circuit breaker of {dependency.name} is {dependency.breaker.value}: {dependency.why}"
        if role is Role.FILLING:
            return f"{dependency.name} is being filled"
        return f"{dependency.name} takes less than is written"

    def _unhealthy(self, provider: str) -> bool:
        dependency = self._providers.get(provider)
        return dependency is not None and not dependency.healthy

    def _answers(self, provider: str) -> bool:
        """Return whether a provider answers calls of last resort while its breaker refuses the others."""
        dependency = self._providers.get(provider)
        return (
            dependency is not None
            and dependency.answers.state is Condition.HEALTHY
            and dependency.breaker is not BreakerState.FORCED_OPEN
        )

    def _serving(self) -> Serving:
        """Return what is served now."""
        asked = next((name for name in self._readers if not self._unhealthy(name)), None)
        reads = asked or next((name for name in self._readers if self._answers(name)), None)
        if self._journalled:
            if self._journal.answers.state is Condition.UNHEALTHY:
                return Serving(reads, Writes.REFUSED)
            at_home = self._readers[:1] == (asked,)
            return Serving(reads, Writes.STORED if at_home else Writes.ACCEPTED)
        return Serving(reads, Writes.REFUSED if reads is None else Writes.STORED)


def _reason(error: ProviderError) -> str:
    return error.reason if isinstance(error, Unavailable) else error.outcome
