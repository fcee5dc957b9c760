"""The story of a chain: the one place that knows what goes on, and has each turn of it told once."""

from collections.abc import Sequence

from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import tells_against_provider
from providers.chain.observer import Attempt, JournalCall, Unobserved
from providers.chain.reporting.backfills import PostponedBackfills
from providers.chain.reporting.backlog import BacklogReport
from providers.chain.reporting.damping import Condition, StateChange
from providers.chain.reporting.dependency import Dependency
from providers.chain.reporting.events import LogEvents
from providers.chain.reporting.read_routing import ReadRouting
from providers.chain.reporting.serving import Serving, Writes
from providers.chain.status import ChainStatus, Role
from providers.errors import ProviderError, Rejected, Throttled, TimedOut, Unavailable
from providers.journal.base import JournalUnavailable

_FORCED = frozenset({BreakerState.FORCED_OPEN, BreakerState.FORCED_CLOSED})
_UNTOLD = frozenset({"cancelled", "bug"})  # outcomes that say nothing about who was asked


class Reporter(Unobserved):
    """Takes everything that happens, and has told what an operator is to know; each process tells what it sees.

    Pure but for the lines: nothing is waited for, and the clock is that of the lines.
    """

    def __init__(self, lines: LogEvents | None = None) -> None:
        self._lines = lines or LogEvents()
        self._now = self._lines.now
        self._order: tuple[str, ...] = ()
        self._readers: tuple[str, ...] = ()
        self._journalled = False
        self._journal = Dependency("journal", self._now)
        self._parties: dict[str, Dependency] = {}
        self._backlogs: dict[str, BacklogReport] = {}
        self._fillings = PostponedBackfills(self._now)
        self._reads = ReadRouting(self._lines, self._ill)

    def routed(self, order: Sequence[str], complete: frozenset[str], *, journalled: bool) -> None:
        """See `ChainObserver`."""
        self._journalled = journalled
        former, self._order = self._order, tuple(order)
        self._readers = tuple(name for name in order if name in complete)
        for gone in set(former) - set(order):
            self._parties.pop(gone, None)
            self._backlogs.pop(gone, None)
        for name in order:
            self._parties.setdefault(name, Dependency(name, self._now))
            self._backlogs.setdefault(name, BacklogReport(name, self._lines))
        for name in {*complete, *former} - (set(order) - complete):
            self._fillings.forget(name)
        self._reads.routed(order, self._readers)

    def not_reached(self, provider: str, reason: str) -> None:
        """See `ChainObserver`."""
        party = self._parties.get(provider)
        if party is None or party.answers.state is Condition.ILL:
            return
        party.reason = reason
        party.answers.settle(Condition.ILL)
        self._lines.provider_not_reached(provider, reason, self._serving())

    def reached(self, provider: str) -> None:
        """See `ChainObserver`."""
        if (party := self._parties.get(provider)) is not None:
            self._found(party)

    def tried(self, attempt: Attempt) -> None:
        """See `AttemptObserver`."""
        party = self._parties.get(attempt.provider)
        if party is None:  # the last calls to one that has left
            return
        error = attempt.error
        if attempt.outcome == "ok" or isinstance(error, Rejected):
            self._found(party)
        elif error is not None and tells_against_provider(error):
            lost = party.failed()
            # A timeout may be the request's own fault, and who asks for patience answers: of those a breaker decides.
            if lost and not isinstance(error, (TimedOut, Throttled)):
                self._lose(party, _reason(error))

    def breaker_changed(self, snapshot: BreakerSnapshot) -> None:
        """See `ChainObserver`; what an operator has done to a breaker is told where it is done."""
        if (party := self._parties.get(snapshot.provider)) is None:
            return
        before, party.breaker, party.why = party.breaker, snapshot.state, snapshot.why
        if snapshot.state is BreakerState.OPEN:
            self._opened(party)
        elif snapshot.state is BreakerState.HALF_OPEN:
            if party.worth_telling:
                self._lines.breaker_half_open(party.name, snapshot.why, party.passes.since, party.openings)
        elif snapshot.state is BreakerState.CLOSED and before not in _FORCED:
            self._found(party)
            self._tell_breaker(party, party.passes.turn(Condition.WELL))
        else:
            party.passes.settle(Condition.WELL)

    def read_by(self, provider: str, instead_of: str | None, reason: str) -> None:
        """See `ChainObserver`."""
        self._reads.by(provider, instead_of, reason)

    def asked_journal(self, call: JournalCall, outcome: str, seconds: float) -> None:  # noqa: ARG002 - of the protocol
        """See `ChainObserver`."""
        if outcome == JournalUnavailable.outcome:
            self._journal_failed(f"no answer when asked to {call.value}")
        elif outcome not in _UNTOLD:
            self._found_journal()

    def filling_postponed(self, provider: str, reason: str, next_try: float) -> None:
        """See `ChainObserver`."""
        told = self._fillings.postponed(provider, reason)
        if told is not None:
            self._lines.filling_postponed(provider, reason, told.since, told.tries, next_try)

    def look(self, status: ChainStatus) -> None:
        """Take a look at everything, and tell what had to wait; to be called every few seconds."""
        if status.journal_error is not None:
            self._journal_failed(status.journal_error)
        elif status.journal is not None:
            self._found_journal()
        for provider in status.providers:
            party = self._parties.get(provider.name)
            if party is None:
                continue
            # A provider that was replaced has a new breaker, which tells nothing of the former one.
            if provider.breaker.state is BreakerState.CLOSED and party.breaker is not BreakerState.CLOSED:
                self.breaker_changed(provider.breaker)
            if status.journal is not None:
                self._backlogs[provider.name].look(
                    provider.pending, provider.oldest_pending_seconds, self._hindrance(party, provider.role)
                )
        for party in self._parties.values():
            self._tell(party, party.answers.due())
            self._tell_breaker(party, party.passes.due())
        self._tell_journal(self._journal.answers.due())
        self._reads.look()

    def _found(self, party: Dependency) -> None:
        party.answered()
        if party.answers.state is Condition.ILL:
            self._tell(party, party.answers.turn(Condition.WELL))

    def _lose(self, party: Dependency, reason: str) -> None:
        if party.answers.state is Condition.WELL:
            party.reason = reason
            self._tell(party, party.answers.turn(Condition.ILL, party.failing_since))

    def _tell(self, party: Dependency, change: StateChange | None) -> None:
        if change is None:
            return
        if party.answers.state is Condition.WELL:
            self._lines.provider_answers_again(party.name, change.former_since, change.changes, self._serving())
        else:
            self._lines.provider_lost(party.name, party.reason, change.since, change.changes, self._serving())

    def _opened(self, party: Dependency) -> None:
        self._lose(party, party.why)
        party.openings = 1 if party.passes.state is Condition.WELL else party.openings + 1
        change = party.passes.turn(Condition.ILL)
        if change is None and party.openings > 1 and party.worth_telling:
            self._lines.breaker_opened(party.name, party.why, party.passes.since, party.openings, self._serving())
        self._tell_breaker(party, change)

    def _tell_breaker(self, party: Dependency, change: StateChange | None) -> None:
        if change is None:
            return
        if party.passes.state is Condition.WELL:
            since = change.former_since
            self._lines.breaker_closed(party.name, party.why, since, party.openings, self._serving())
        else:
            self._lines.breaker_opened(party.name, party.why, change.since, party.openings, self._serving())

    def _journal_failed(self, reason: str) -> None:
        journal = self._journal
        if journal.failed() and journal.answers.state is Condition.WELL:
            journal.reason = reason
            self._tell_journal(journal.answers.turn(Condition.ILL, journal.failing_since))

    def _found_journal(self) -> None:
        self._journal.answered()
        if self._journal.answers.state is Condition.ILL:
            self._tell_journal(self._journal.answers.turn(Condition.WELL))

    def _tell_journal(self, change: StateChange | None) -> None:
        if change is None:
            return
        if self._journal.answers.state is Condition.WELL:
            self._lines.journal_answers_again(change.former_since, change.changes, self._serving())
        else:
            self._lines.journal_lost(self._journal.reason, change.since, change.changes, self._serving())

    def _hindrance(self, party: Dependency, role: Role) -> str:
        """Why deliveries to a provider may wait."""
        if party.answers.state is Condition.ILL:
            return f"{party.name} does not answer: {party.reason}"
        if not party.well:
            return f"the circuit breaker of {party.name} is {party.breaker.value}: {party.why}"
        if role is Role.FILLING:
            return f"{party.name} is being filled"
        return f"{party.name} takes less than is written"

    def _ill(self, provider: str) -> bool:
        party = self._parties.get(provider)
        return party is not None and not party.well

    def _answers(self, provider: str) -> bool:
        """Whether it answers whoever asks it as a last resort, while its breaker keeps the others away."""
        party = self._parties.get(provider)
        return (
            party is not None
            and party.answers.state is Condition.WELL
            and party.breaker is not BreakerState.FORCED_OPEN
        )

    def _serving(self) -> Serving:
        """What is served now."""
        asked = next((name for name in self._readers if not self._ill(name)), None)
        reads = asked or next((name for name in self._readers if self._answers(name)), None)
        if self._journalled:
            if self._journal.answers.state is Condition.ILL:
                return Serving(reads, Writes.REFUSED)
            at_home = self._readers[:1] == (asked,)
            return Serving(reads, Writes.STORED if at_home else Writes.ACCEPTED)
        return Serving(reads, Writes.REFUSED if reads is None else Writes.STORED)


def _reason(error: ProviderError) -> str:
    return error.reason if isinstance(error, Unavailable) else error.outcome
