"""Home's word on a write that is durable already: stored if it comes in time, accepted if not."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from observability import notes
from providers.chain.account import JOURNAL, Account
from providers.chain.applying import Change, bring, bring_many, burial_of
from providers.chain.deadline import Deadline
from providers.chain.leasing import Lease
from providers.chain.link import Link
from providers.chain.observer import JournalCall
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.chain.turn import Turn
from providers.errors import MemoryDeleted, ProviderError, Rejected, Unavailable
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import (
    Appended,
    Dead,
    Done,
    JournalEntry,
    Operation,
    OperationKind,
    Postponed,
    Settlement,
)
from providers.states.clock import HybridClock

_BURIAL_SECONDS = 1.0


class Confirmer:
    """Bring what the journal holds to home while the caller waits, and settle the delivery.

    What this caller has appended is lent to it, and stays so while it waits for home.
    """

    def __init__(self, account: Account, clock: HybridClock, journal: Journal) -> None:
        self._account = account
        self._clock = clock
        self._journal = journal

    async def confirm(self, route: Route, entry: JournalEntry, deadline: Deadline) -> None:
        """Bring a durable operation to home while the caller waits; without home's word it is accepted, not stored."""
        home = route.home
        self._account.wrote(entry.seq)
        if home is None:
            self._accepted(None)
            return
        if home.name not in entry.pending:
            self._stored(home.name)
            return
        lease = self._lease(home, [entry])
        try:
            async with lease:
                await bring(home, Change(entry.kind, entry.state), _turn(deadline))
        except Unavailable as error:
            await self._settle(lease, _postponed(home, entry, error))
            self._accepted(error)
        except MemoryDeleted as error:
            if not entry.state.deleted:
                await self._bury([entry])
                await self._settle(lease, _postponed(home, entry, error))
                raise
            await self._settle(lease, Done(seq=entry.seq, provider=home.name))
        except Rejected as error:
            async with lease:
                gave_way = await self._give_way(home, entry, deadline)
            await self._settle(lease, _refused(home, entry, error, gave_way=gave_way))
            raise
        else:
            await self._settle(lease, Done(seq=entry.seq, provider=home.name))

    async def confirm_many(
        self, route: Route, operation: OperationClass, entries: Sequence[tuple[int, JournalEntry]], deadline: Deadline
    ) -> list[tuple[int, ProviderError]]:
        """As for one; give what home refused, with its place."""
        if not entries:
            return []
        home = route.home
        self._account.wrote(max(entry.seq for _, entry in entries))
        if home is None:
            self._accepted(None)
            return []
        waiting = [(place, entry) for place, entry in entries if home.name in entry.pending]
        if not waiting:
            self._stored(home.name)
            return []
        changes = [Change(entry.kind, entry.state) for _, entry in waiting]
        outcomes: Sequence[ProviderError | None]
        refused: list[tuple[int, ProviderError]] = []
        settlements: list[Settlement] = []
        buried: list[JournalEntry] = []
        lease = self._lease(home, [entry for _, entry in waiting])
        async with lease:
            try:
                outcomes = await bring_many(home, changes, operation, _turn(deadline))
            except Unavailable as error:
                outcomes = [error] * len(waiting)
            for (place, entry), outcome in zip(waiting, outcomes, strict=True):
                if outcome is None:
                    settlements.append(Done(seq=entry.seq, provider=home.name))
                elif isinstance(outcome, Unavailable):
                    settlements.append(_postponed(home, entry, outcome))
                    self._accepted(outcome)
                elif isinstance(outcome, MemoryDeleted):
                    buried.append(entry)
                    settlements.append(_postponed(home, entry, outcome))
                    refused.append((place, outcome))
                else:
                    gave_way = await self._give_way(home, entry, deadline)
                    settlements.append(_refused(home, entry, outcome, gave_way=gave_way))
                    refused.append((place, outcome))
        await self._bury(buried)
        await self._settle(lease, *settlements)
        return refused

    def _lease(self, home: Link, entries: Sequence[JournalEntry]) -> Lease:
        leases = {entry.seq: entry.lease for entry in entries if entry.lease is not None}
        return Lease(partial(self._journal.renew, home.name), leases)

    async def _settle(self, lease: Lease, *settlements: Settlement) -> None:
        await self._account.settle(*lease.noted(settlements))

    async def _give_way(self, home: Link, entry: JournalEntry, deadline: Deadline) -> bool:
        """Put what home holds under this id in the place of what home refused, everywhere; False if that fails.

        Nobody could tell what was there when the operation was appended, and the others may have taken it.
        """
        state = entry.state
        try:
            held = await home.call(
                lambda provider: provider.snapshot(state.user_id, state.id), OperationClass.READ, Turn(deadline)
            )
            if held is None or held.deleted:
                return False
            self._clock.observe(max(held.version, state.version))
            truth = Operation(
                kind=OperationKind.UPDATE,
                state=replace(held, version=self._clock.next()),
                base_version=state.version,
            )
            [outcome] = await self._account.journal(
                lambda journal: journal.append([truth]), deadline.remaining(), JournalCall.APPEND
            )
        except Unavailable:
            return False
        return isinstance(outcome, Appended)

    async def _bury(self, entries: Sequence[JournalEntry]) -> None:
        """Home knows of deletions that the journal has forgotten; if it cannot be told now, the deliverer will."""
        if entries:
            operations = [burial_of(entry.state) for entry in entries]
            with suppress(JournalUnavailable):
                await self._account.journal(
                    lambda journal: journal.append(operations), _BURIAL_SECONDS, JournalCall.APPEND
                )

    def _accepted(self, error: Unavailable | None) -> None:
        self._account.degrade("home_incomplete" if error is None else f"home_{error.outcome}")
        request = notes.current.get()
        if request is not None:
            request.accepted = True
            request.provider = JOURNAL

    def _stored(self, provider: str) -> None:
        request = notes.current.get()
        if request is not None:
            request.provider = provider


def _postponed(home: Link, entry: JournalEntry, error: ProviderError) -> Postponed:
    """Leave it to the deliverer, at once; or, where something has replaced it, that."""
    return Postponed(seq=entry.seq, provider=home.name, delay=0.0, error=error.outcome)


def _refused(home: Link, entry: JournalEntry, error: ProviderError, *, gave_way: bool) -> Settlement:
    """Give it up, unless something has replaced it, which is to be delivered at once."""
    return _postponed(home, entry, error) if gave_way else Dead(seq=entry.seq, provider=home.name, error=error.outcome)


def _turn(deadline: Deadline) -> Turn:
    """Give home its turn: what it does not confirm soon is durable all the same, and will be brought to it."""
    return Turn(deadline, others=True)
