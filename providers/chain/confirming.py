"""The confirmation of a durable write by home: the write is stored if home confirms in time, accepted if not."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from providers.chain.applying import Change, apply_all, propagated, tombstones_met
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.execution import Execution
from providers.chain.leasing import Lease
from providers.chain.link import Link
from providers.chain.observer import JournalCall
from providers.chain.policy import OperationClass
from providers.chain.rereading import taken
from providers.errors import MemoryDeleted, ProviderError, Unavailable
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Appended, Dead, JournalEntry, Operation, OperationKind, Postponed, Settlement
from providers.states.clock import HybridClock
from providers.types import Snapshot

_PROPAGATION_SECONDS = 1.0


class Confirmer(Struct):
    """Deliver what the journal holds to home while the caller waits, and settle the delivery.

    A delivery that this request has appended is leased to it, and the lease is renewed while it waits for home.
    """

    context: ChainContext
    clock: HybridClock
    journal: Journal

    async def confirm(
        self, execution: Execution, operation: OperationClass, entries: Sequence[tuple[int, JournalEntry]]
    ) -> list[tuple[int, ProviderError]]:
        """Deliver durable operations to home while the caller waits; return what home refused, each with its place.

        An operation that home does not confirm is accepted, not stored.
        """
        if not entries:
            return []
        home = execution.route.home
        execution.session = self.context.session(max(entry.seq for _, entry in entries))
        if home is None:
            execution.accept("home_incomplete")
            return []
        waiting = [(place, entry) for place, entry in entries if home.name in entry.pending]
        execution.answered(home.name)
        if not waiting:
            return []
        changes = [Change(entry.kind, entry.state) for _, entry in waiting]
        outcomes: Sequence[ProviderError | None]
        lease = self._lease(home, [entry for _, entry in waiting])
        async with lease:
            try:
                # An operation that home does not confirm soon is durable all the same, and the relay delivers it.
                outcomes = await apply_all(home, changes, operation, CallOptions(execution.deadline, others=True))
            except Unavailable as error:
                outcomes = [error] * len(waiting)
            settlements = [
                await self._settlement(execution, home, entry, outcome)
                for (_, entry), outcome in zip(waiting, outcomes, strict=True)
            ]
        met = zip(waiting, outcomes, strict=True)
        await self._propagate(home, [entry.state for (_, entry), outcome in met if isinstance(outcome, MemoryDeleted)])
        await self.context.settle(*lease.noted(settlements))
        return [
            (place, outcome)
            for (place, _), outcome in zip(waiting, outcomes, strict=True)
            if outcome is not None and not isinstance(outcome, Unavailable)
        ]

    async def _settlement(
        self, execution: Execution, home: Link, entry: JournalEntry, outcome: ProviderError | None
    ) -> Settlement:
        if outcome is None:
            return taken(home, entry.seq)
        if isinstance(outcome, Unavailable):
            execution.accept(f"home_{outcome.outcome}")
            return _postponed(home, entry, outcome)
        if isinstance(outcome, MemoryDeleted) or await self._adopt_held_state(home, entry, execution.deadline):
            return _postponed(home, entry, outcome)
        return Dead(seq=entry.seq, provider=home.name, error=outcome.outcome)

    def _lease(self, home: Link, entries: Sequence[JournalEntry]) -> Lease:
        leases = {entry.seq: entry.lease for entry in entries if entry.lease is not None}
        return Lease(partial(self.journal.renew, home.name), leases)

    async def _adopt_held_state(self, home: Link, entry: JournalEntry, deadline: Deadline) -> bool:
        """Make the state that home holds the newest one everywhere, after home refused the write; False if that fails.

        The write was appended while no provider could be asked for the earlier state, and others may have applied it.
        """
        state = entry.state
        try:
            held = await home.call(
                lambda provider: provider.snapshot(state.owner, state.id), OperationClass.READ, CallOptions(deadline)
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


def _postponed(home: Link, entry: JournalEntry, error: ProviderError) -> Postponed:
    """Leave the delivery to the relay, due at once; an operation that has replaced it is delivered instead."""
    return Postponed(seq=entry.seq, provider=home.name, delay=0.0, error=error.outcome)
