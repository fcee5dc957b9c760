"""Merging stores: bring each one to the state that all should hold, by the journal where a deletion is concerned."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import structlog
from msgspec import Struct

from providers.chain.applying import propagated
from providers.chain.comparing.comparison import Difference, Fault
from providers.chain.comparing.flux import KnownMemory
from providers.chain.comparing.store import ComparedStore
from providers.errors import MemoryDeleted, Rejected
from providers.journal.base import Journal
from providers.journal.operations import JournalEntry
from providers.types import Snapshot

HEALED_BY_PUTTING = {Fault.MISSING, Fault.OLDER, Fault.UNRECORDED}

_log = structlog.get_logger(__name__)


class Tally(Struct, frozen=True, kw_only=True):
    """What became of differences, counted for each store and memory.

    `put` were put into a store, `deleted` are being deleted by the journal, `waiting` are left to deliveries of the
    journal that are under way, `refused` a store did not take, and `left` nobody but an operator can judge. `versions`
    were put into histories.
    """

    put: int = 0
    deleted: int = 0
    waiting: int = 0
    refused: int = 0
    left: int = 0
    versions: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Return the sum."""
        return Tally(
            put=self.put + other.put,
            deleted=self.deleted + other.deleted,
            waiting=self.waiting + other.waiting,
            refused=self.refused + other.refused,
            left=self.left + other.left,
            versions=self.versions + other.versions,
        )


class Merger(Struct, frozen=True):
    """Settle differences between stores; of `shown_only` a missing memory is left as it is, since it was deleted there.

    States go into the stores directly, because putting them commutes with every delivery. A deletion goes through the
    journal, so that every provider gets it, those included that cannot be asked now. A live memory is left to the
    delivery that is pending at a store; what the store has confirmed and lacks is put.
    """

    journal: Journal
    stores: Mapping[str, ComparedStore]
    shown_only: Collection[str] = ()

    async def settle(self, differences: Sequence[Difference]) -> Tally:
        """Bring stores in line; what is put goes into each store in one call.

        Raises:
            Unavailable: a store or the journal does not answer; what has been done by then stays done.
        """
        tally = Tally()
        states: defaultdict[str, list[Snapshot]] = defaultdict(list)
        for difference in differences:
            wanted = difference.wanted
            known = await KnownMemory.ask(self.journal, wanted.owner, wanted.id)
            entry, awaiting = known.entry, known.awaiting(wanted)
            if entry is not None and entry.state.deleted and not wanted.deleted:
                tally += await self._delete_again(difference, entry)
                continue
            if Fault.UNDELETED in difference.faults.values():
                tally += await self._delete(wanted, difference.faults, entry)
            for name, kind in difference.faults.items():
                if name in awaiting and not wanted.deleted:
                    tally += Tally(waiting=1)
                elif kind is Fault.CONFLICTING or (kind is Fault.MISSING and name in self.shown_only):
                    tally += Tally(left=1)
                elif kind in HEALED_BY_PUTTING:
                    states[name].append(wanted)
        for name, wanted_there in states.items():
            tally += await self._put(self.stores[name], wanted_there)
        return tally

    async def _delete_again(self, difference: Difference, entry: JournalEntry) -> Tally:
        """Have a live memory deleted once more where the deliveries of its deletion are over."""
        # All that the stores hold of it are copies: which ones is found out where the deletion is delivered.
        for name in self.stores.keys() - entry.pending:
            await self.journal.redeliver(entry.seq, name)
        return Tally(deleted=len(difference.faults))

    async def _delete(self, wanted: Snapshot, faults: Mapping[str, Fault], entry: JournalEntry | None) -> Tally:
        copies = [name for name, kind in faults.items() if kind is Fault.UNDELETED]
        if entry is None or not entry.state.deleted:
            await self.journal.append([propagated(wanted)])
            _log.info("deletion_spread", memory_id=wanted.id, providers=copies)
        else:
            for name in copies:
                if name not in entry.pending:
                    await self.journal.redeliver(entry.seq, name)
        return Tally(deleted=len(copies))

    async def _put(self, store: ComparedStore, states: Sequence[Snapshot]) -> Tally:
        tally = Tally()
        for state, outcome in zip(states, await store.put(states), strict=True):
            if outcome is None:
                tally += Tally(put=1)
            elif isinstance(outcome, MemoryDeleted):  # since it was compared
                await self.journal.append([propagated(state)])
                tally += Tally(deleted=1)
            elif isinstance(outcome, Rejected):
                _log.warning("merge_refused", provider=store.name, memory_id=state.id, outcome=outcome.outcome)
                tally += Tally(refused=1)
            else:
                raise outcome
        return tally
