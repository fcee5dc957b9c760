"""One memory from one provider, compared with what the journal knows of it.

A provider that does not show what the journal knows as confirmed there, for longer than it may be stale, contradicts
the journal: it was rolled back, or is another store than it was.
"""

from datetime import datetime

from msgspec import Struct

from providers.answers import Answer, Fetched
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions
from providers.chain.errors import Contradicted
from providers.chain.execution import JOURNAL
from providers.chain.link import Link
from providers.chain.overlay import UNVERIFIED, is_creation, is_unverified
from providers.chain.pending_view import PendingView
from providers.chain.policy import OperationClass
from providers.errors import MemoryNotFound
from providers.expiry import has_expired
from providers.journal.operations import JournalEntry
from providers.owners import Owner
from providers.states.merging import rank
from providers.types import MemoryRecord, Snapshot

# The reason why an answer comes from the journal although a provider should have it.
CONTRADICTION = Contradicted.outcome


class Fetching(Struct, frozen=True):
    """Fetch one memory of which the journal knows `entry`, if it knows one; none that has expired by `now`."""

    context: ChainContext
    view: PendingView
    memory_id: str
    entry: JournalEntry | None
    now: datetime

    async def fetched_from(self, link: Link, options: CallOptions) -> Fetched:
        """Return the memory as the journal or this provider knows it, whichever is newer.

        Raises:
            MemoryNotFound: there is none.
            Unavailable: neither can tell.
        """
        entry = None if self.entry is None or link.has_erased(self.entry.state) else self.entry
        if entry is not None and (entry.state.deleted or (link.name in entry.pending and not is_creation(entry))):
            return from_journal(entry, self.now)
        try:
            fetched = await self._fetched(link, options)
        except MemoryNotFound:
            if entry is None or has_expired(entry.state, self.now):
                raise
            if link.name not in entry.pending:
                return await self._contradicted(link, options, entry)
            if is_unverified(entry):
                held = await self._snapshot(link, options)
                if held is not None and held.deleted:
                    raise  # the write repeats one whose memory was deleted, and comes to nothing
            return from_journal(entry, self.now)
        if entry is not None and link.name not in entry.pending and _may_be_older(fetched.memory, entry):
            return await self._contradicted(link, options, entry)
        return self._shown(fetched)

    async def _contradicted(self, link: Link, options: CallOptions, entry: JournalEntry) -> Fetched:
        """Ask both once more, since much may have happened between the two answers; then believe the journal.

        A tombstone is believed, wherever it is found: a deletion wins over everything. Of what an erasure removes the
        journal has nothing to say.
        """
        known = await self.view.newest(self.memory_id)
        if known is None or link.has_erased(known.state):
            return self._shown(await self._fetched(link, options))
        entry = known
        if entry.state.deleted or link.name in entry.pending:
            return from_journal(entry, self.now)
        held = await self._snapshot(link, options)
        if held is not None and not held.deleted and (is_creation(entry) or rank(held) >= rank(entry.state)):
            return self._shown(Fetched(memory=held.record))
        self.context.observer.contradicted(link.name)
        if held is not None and held.deleted:
            error = MemoryNotFound(self.memory_id)
            error.answer = Answer(degraded=(CONTRADICTION,))
            raise error
        return from_journal(entry, self.now, CONTRADICTION)

    def _shown(self, fetched: Fetched) -> Fetched:
        if has_expired(fetched.memory, self.now):
            raise MemoryNotFound(self.memory_id)
        return fetched

    async def _fetched(self, link: Link, options: CallOptions) -> Fetched:
        owner: Owner = self.view.owner
        return await link.call(
            lambda store: store.fetch(owner, self.memory_id), OperationClass.READ, options, owner=owner
        )

    async def _snapshot(self, link: Link, options: CallOptions) -> Snapshot | None:
        owner: Owner = self.view.owner
        return await link.call(
            lambda store: store.snapshot(owner, self.memory_id), OperationClass.READ, options, owner=owner
        )


def from_journal(entry: JournalEntry, now: datetime, *reasons: str) -> Fetched:
    """Return the state in the journal as an answer, degraded for these reasons.

    Raises:
        MemoryNotFound: it is a tombstone, or has expired by now.
    """
    if entry.state.deleted or has_expired(entry.state, now):
        error = MemoryNotFound(entry.state.id)
        error.answer = Answer(provider=JOURNAL)
        raise error
    unverified = is_unverified(entry)
    degraded = (*reasons, UNVERIFIED) if unverified else reasons
    return Fetched(memory=entry.state.record, provider=JOURNAL, degraded=degraded, eventual=unverified)


def _may_be_older(memory: MemoryRecord, entry: JournalEntry) -> bool:
    """Return whether a memory is perhaps older than a confirmed change: each change has a moment of its own.

    What creates a memory says nothing about later changes that the journal has forgotten.
    """
    return not is_creation(entry) and memory.updated_at != entry.state.updated_at
