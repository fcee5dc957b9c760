"""The confirmation of a durable write by home: the write is stored if home confirms in time, accepted if not."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from math import inf

from msgspec import Struct, field
from msgspec.structs import replace

from providers.chain.applying import Change, apply_all, propagated, tombstones_met
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline, Shutdown
from providers.chain.execution import Execution
from providers.chain.leasing import Lease
from providers.chain.link import Link
from providers.chain.observer import JournalCall, LateEnd
from providers.chain.policy import OperationClass
from providers.chain.rereading import taken
from providers.chain.superseding import is_unlooked, superseded_by
from providers.chain.waiting.background_tries import BackgroundTries
from providers.chain.waiting.home_try import HomeTry, Waiting, answered_within, patience_with, wish
from providers.errors import MemoryDeleted, ProviderError, Unavailable
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import (
    Appended,
    Dead,
    Done,
    Held,
    JournalEntry,
    Operation,
    OperationKind,
    Postponed,
    Settlement,
)
from providers.owners import Owner
from providers.states.clock import HybridClock
from providers.types import Snapshot

# Why a write is accepted whose caller has waited for as long as home takes in its good times.
HOME_SLOW = "home_slow"

_PROPAGATION_SECONDS = 1.0


class Confirmer(Struct):
    """Deliver what the journal holds to home while the caller waits, and settle the delivery.

    A delivery that this request has appended is leased to it, and the lease is renewed until home has answered. The
    caller waits for as long as it wishes, or within the patience with home; if every caller `waits`, to its deadline.
    """

    context: ChainContext
    clock: HybridClock
    journal: Journal
    waits: bool = False
    background: BackgroundTries = field(default_factory=BackgroundTries)

    async def confirm(
        self, execution: Execution, operation: OperationClass, entries: Sequence[tuple[int, JournalEntry]]
    ) -> list[tuple[int, ProviderError]]:
        """Deliver durable operations to home while the caller waits; return what home refused, each with its place.

        An operation that home does not confirm is accepted, not stored. A try that has no answer yet goes on.
        """
        if not entries:
            return []
        home = execution.route.home
        execution.session = self.context.session(max(entry.seq for _, entry in entries))
        if home is None:
            self._accept(execution, "home_incomplete", entries)
            return []
        waiting: Waiting = [(place, entry) for place, entry in entries if home.name in entry.pending]
        execution.answered(home.name)
        patience = patience_with(home, operation, len(waiting))
        wished = wish()
        seconds = self._seconds(patience, wished)
        if not self.background.idle:
            waiting = await self._untried(execution, waiting, seconds, patience)
        if not waiting:
            return []
        ending = Shutdown(self.context.now)
        # It may take as long as any write, however little time its caller has. Where nobody waits for its end, it may
        # take as long as a delivery in the background.
        usual = home.attempts.seconds(operation, len(waiting))
        deadline = Deadline.after(max(usual, execution.deadline.remaining()), self.context.now, ending)
        options = CallOptions(deadline, others=not self.waits and wished is None, place=seconds)
        delivery = apply_all(home, _changes(waiting), operation, options)
        task = asyncio.get_running_loop().create_task(delivery, name="home")
        attempt = HomeTry(home, waiting, self._lease(home, waiting), task, ending)
        answered = False
        try:
            await answered_within([attempt], seconds, patience, execution.deadline)
            answered = task.done()
        finally:
            # Also where the caller is gone, be it at the moment of the answer: home need not get the write twice for
            # that, and nobody else ends the lease.
            if not answered:
                attempt.lease.begin()
                self.background.go_on(attempt, self._conclude_late)
        if not answered:
            self._accept(execution, HOME_SLOW, waiting)
            return []
        refused: list[tuple[int, ProviderError]] = []
        for (place, entry), outcome in zip(waiting, await self._conclude(attempt, execution.deadline), strict=True):
            if isinstance(outcome, Unavailable):
                self._accept(execution, f"home_{outcome.outcome}", [(place, entry)])
            elif outcome is not None:
                refused.append((place, outcome))
        return refused

    async def _untried(self, execution: Execution, waiting: Waiting, seconds: float, patience: float) -> Waiting:
        """Return the operations that no try in the background delivers; for those of others their end is awaited.

        They are those of a caller who repeats a request that was answered 202.
        """
        tries = self.background.delivering([entry.seq for _, entry in waiting])
        if not tries:
            return waiting
        await answered_within(tries, seconds, patience, execution.deadline)
        going_on = {seq for one in tries if not one.task.done() for seq in one.seqs}
        confirmed = {seq for one in tries for seq in one.confirmed}
        slow = [(place, entry) for place, entry in waiting if entry.seq in going_on]
        if slow:
            self._accept(execution, HOME_SLOW, slow)
        return [(place, entry) for place, entry in waiting if entry.seq not in going_on | confirmed]

    def _accept(self, execution: Execution, reason: str, waiting: Waiting) -> None:
        execution.accept(reason, (place for place, _ in waiting))
        for _, entry in waiting:
            self.context.pacing.accepted(entry.state.owner)

    def _lease(self, home: Link, waiting: Waiting) -> Lease:
        leases = {entry.seq: entry.lease for _, entry in waiting if entry.lease is not None}
        return Lease(partial(self.journal.renew, home.name), leases)

    def _seconds(self, patience: float, wished: float | None) -> float:
        """Return the seconds to wait for home's word."""
        if wished is not None:
            return wished
        return inf if self.waits else patience

    async def _conclude_late(self, attempt: HomeTry) -> None:
        """Settle the deliveries of a try whose caller was answered before it ended."""
        seconds = attempt.home.attempts.seconds(OperationClass.READ, len(attempt.waiting))
        outcomes = await self._conclude(attempt, Deadline.after(seconds, self.context.now))
        failed = LateEnd.GIVEN_UP if attempt.given_up else LateEnd.FAILED
        failures = any(isinstance(outcome, Unavailable) for outcome in outcomes)
        self.context.observer.ended_late(attempt.home.name, failed if failures else LateEnd.ANSWERED)

    async def _conclude(self, attempt: HomeTry, deadline: Deadline) -> Sequence[ProviderError | None]:
        """Settle the deliveries of a try when it has ended, and propagate what it has met; return its outcomes."""
        home, entries = attempt.home, [entry for _, entry in attempt.waiting]
        try:
            outcomes = await attempt.outcomes()
            settlements = [
                taken(home, entry.seq) if outcome is None else await self._refused(home, entry, outcome, deadline)
                for entry, outcome in zip(entries, outcomes, strict=True)
                # Somebody else may be at what is not leased to us; what we did not achieve does not make it due.
                if entry.lease is not None or not isinstance(outcome, Unavailable)
            ]
        finally:
            await attempt.lease.end()
        if any(outcomes):  # nearly always home has taken all
            met = zip(entries, outcomes, strict=True)
            await self._propagate(home, [entry.state for entry, outcome in met if isinstance(outcome, MemoryDeleted)])
        if any(is_unlooked(entry.state) for entry in entries):
            settlements = await self._after_look(home, entries, settlements)
        await self.context.settle(*attempt.lease.noted(settlements))
        return outcomes

    async def _after_look(
        self, home: Link, entries: Sequence[JournalEntry], settlements: Sequence[Settlement]
    ) -> list[Settlement]:
        """Delete what is superseded by memories that were put under keys without a look, before they are settled.

        If that fails, the relay makes these deliveries again, and looks then.
        """
        unlooked = {entry.seq: entry for entry in entries if is_unlooked(entry.state)}
        looked_for = [unlooked[one.seq] for one in settlements if isinstance(one, Done | Held) and one.seq in unlooked]
        if not looked_for:
            return list(settlements)
        options = CallOptions(Deadline.after(_PROPAGATION_SECONDS, self.context.now))
        states = [entry.state for entry in looked_for]
        try:
            operations = await superseded_by(home, self._newest, states, OperationClass.READ, options)
            if operations:
                await self.context.journal(
                    lambda journal: journal.append(operations), _PROPAGATION_SECONDS, JournalCall.APPEND
                )
        except Unavailable as error:
            seqs = {entry.seq for entry in looked_for}
            return [_postponed(home, unlooked[one.seq], error) if one.seq in seqs else one for one in settlements]
        return list(settlements)

    async def _newest(self, owner: Owner, memory_id: str) -> JournalEntry | None:
        return await self.context.journal(lambda journal: journal.newest(owner, memory_id), _PROPAGATION_SECONDS)

    async def _refused(self, home: Link, entry: JournalEntry, outcome: ProviderError, deadline: Deadline) -> Settlement:
        """Return the settlement of a delivery that home has not taken."""
        if isinstance(outcome, (Unavailable, MemoryDeleted)) or await self._adopt_held_state(home, entry, deadline):
            return _postponed(home, entry, outcome)
        return Dead(seq=entry.seq, provider=home.name, error=outcome.outcome)

    async def _adopt_held_state(self, home: Link, entry: JournalEntry, deadline: Deadline) -> bool:
        """Make the state that home holds the newest one everywhere, after home refused the write; False if that fails.

        The write was appended while no provider could be asked for the earlier state, and others may have applied it.
        """
        state = entry.state
        try:
            held = await home.call(
                lambda provider: provider.snapshot(state.owner, state.id),
                OperationClass.READ,
                CallOptions(deadline),
                owner=state.owner,
            )
            if held is None or held.deleted:
                return False
            self.clock.observe(max(held.version, state.version))
            truth = Operation(
                kind=OperationKind.UPDATE, state=replace(held, version=self.clock.next()), base_version=state.version
            )
            [outcome] = await self.context.journal(
                lambda journal: journal.append([truth]), deadline.remaining(), JournalCall.APPEND
            )
        except Unavailable:
            return False
        return isinstance(outcome, Appended)

    async def _propagate(self, home: Link, states: Sequence[Snapshot]) -> None:
        """Append deletions that home knows and the journal has forgotten; if that fails, the relay does so later."""
        if not states:
            return
        options = CallOptions(Deadline.after(_PROPAGATION_SECONDS, self.context.now))
        try:
            operations = await tombstones_met(home, states, OperationClass.READ, options)
        except Unavailable:
            # These hide the late writes. They are newer than home's own, and so do not replace them anywhere.
            operations = [propagated(replace(state, version=self.clock.next())) for state in states]
        with suppress(JournalUnavailable):
            await self.context.journal(
                lambda journal: journal.append(operations), _PROPAGATION_SECONDS, JournalCall.APPEND
            )


def _changes(waiting: Waiting) -> list[Change]:
    return [Change(entry.kind, entry.state) for _, entry in waiting]


def _postponed(home: Link, entry: JournalEntry, error: ProviderError) -> Postponed:
    """Leave the delivery to the relay, due at once; an operation that has replaced it is delivered instead."""
    return Postponed(seq=entry.seq, provider=home.name, delay=0.0, error=error.outcome)
