"""The in-memory store of one owner's memories, with a list and an index for recall."""

from bisect import bisect_left, insort
from collections import ChainMap
from copy import deepcopy
from datetime import datetime
from heapq import nsmallest
from itertools import islice
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from observability import notes
from providers.answers import Found, Stored
from providers.errors import Conflict, FeedLost, MemoryDeleted, MemoryNotFound
from providers.expiry import has_expired
from providers.feed import ANOTHER_HISTORY, FeedChange, FeedPage, FeedPosition, FeedQuery, feed_page
from providers.histories import VersionPlace
from providers.history import HistoryPage, HistoryQuery, history_page
from providers.memory.change_log import ChangeLog
from providers.memory.history import History
from providers.positions import Place
from providers.retention import is_superseded, is_version
from providers.search.admitting import admitted
from providers.search.pending import Joined, plain_entry, without_pending
from providers.search.questions import Ordering, Question
from providers.search.ranking import rank
from providers.search.user_index import UserIndex
from providers.states.clock import HybridClock, new_memory_id
from providers.states.digests import digest_of
from providers.states.editing import deleted_by, edited, first_state, is_meant, tombstone_of
from providers.states.merging import merged
from providers.store import RECENT_CHANGES
from providers.types import Conditions, Deletion, Edit, MemoryRecord, NewMemory, PageQuery, RecallQuery, Snapshot

_Stored = TypeVar("_Stored", Snapshot, MemoryRecord)


class InMemoryStore(Struct):
    """Store one owner's memories; arguments are checked by the provider.

    Metadata is copied on the way in and on the way out, so that changing a dict changes no memory.
    """

    clock: HybridClock
    history: History | None = None  # of what is kept beside the newest versions
    _states: dict[str, Snapshot] = {}  # tombstones included
    _records: dict[str, MemoryRecord] = {}  # of live memories
    _order: list[Place] = []  # of the records, from the oldest to the newest
    _index: UserIndex = field(default_factory=UserIndex)
    _mortal: set[str] = set()  # records that expire some day
    _changes: ChangeLog = field(default_factory=ChangeLog)

    def __len__(self) -> int:
        return len(self._records)

    def put(self, memory: NewMemory) -> Stored:
        """Store a memory once, and return its id and version; a missing id is minted.

        Raises:
            Conflict: the id holds another content or other metadata.
            MemoryDeleted: the id was deleted.
        """
        version = self.clock.next() if memory.version is None else memory.version
        self.clock.meet(version)
        memory_id = memory.memory_id or new_memory_id(self.clock.milliseconds)
        stored = self._states.get(memory_id)
        if stored is None:
            stored = _own(first_state(memory, memory_id, version, self.clock.moment()))
            self._set(stored)
        elif stored.deleted:
            raise MemoryDeleted(memory_id)
        elif stored.digest != digest_of(memory.content, memory.metadata):
            raise Conflict(memory_id)
        elif is_superseded(first := first_state(memory, memory_id, version, self.clock.moment()), stored):
            self._keep(_own(first))  # it comes after what was made of it
        return Stored(id=memory_id, version=stored.version)

    def get(self, memory_id: str) -> MemoryRecord:
        """Return one memory.

        Raises:
            MemoryNotFound: there is none under this id, or it has expired.
        """
        if self._hides(memory_id):
            raise MemoryNotFound(memory_id)
        return _own(self._records[memory_id])

    def change(self, edit: Edit) -> MemoryRecord:
        """Apply an edit, unless its version is not newer or it was applied already.

        Raises:
            MemoryNotFound: there is none under this id, or it has expired.
        """
        if self._hides(edit.memory_id):
            raise MemoryNotFound(edit.memory_id)
        stored = self._states[edit.memory_id]
        version = edit.version
        if version is None:
            self.clock.observe(stored.version)
            version = self.clock.next()
        self._set(_own(edited(stored, edit, version, self.clock.moment())))
        return _own(self._records[edit.memory_id])

    def delete(self, deletion: Deletion) -> bool:
        """Replace a memory by its tombstone; return whether it existed, or was deleted by this very edit."""
        stored = self._states.get(deletion.memory_id)
        if stored is None:
            return False
        if stored.deleted:
            return deleted_by(stored, deletion.edit_id)
        if not is_meant(deletion, stored):
            return False
        self._set(tombstone_of(stored, deletion.edit_id, deletion.version))
        return True

    def deleted_by(self, edit_id: str) -> str | None:
        """Return the memory that this edit has deleted, if that was one of the last changes."""
        recent = map(self._states.__getitem__, self._changes.newest(RECENT_CHANGES))
        return next((state.id for state in recent if state.deleted and deleted_by(state, edit_id)), None)

    def merge(self, state: Snapshot) -> None:
        """Merge a state into the stored one.

        Raises:
            MemoryDeleted: a live memory met a tombstone.
        """
        self.clock.meet(state.version)
        stored = self._states.get(state.id)
        new = _own(state)
        self._set(new if stored is None else merged(stored, new))
        if stored is not None and stored.deleted and not state.deleted:
            raise MemoryDeleted(state.id)
        self._keep(new)

    def put_version(self, state: Snapshot) -> None:
        """Keep a version that is not the newest one.

        Raises:
            MemoryDeleted: the memory was deleted.
        """
        self.clock.meet(state.version)
        stored = self._states.get(state.id)
        if stored is not None and stored.deleted:
            raise MemoryDeleted(state.id)
        self._keep(_own(state))

    async def versions(self, history: History, query: HistoryQuery) -> HistoryPage:
        """Return a page of the versions of a memory that are kept.

        Raises:
            MemoryNotFound: there is none under this id, or it has expired.
        """
        if self._hides(query.memory_id):
            raise MemoryNotFound(query.memory_id)
        newest, now_ms = self._states[query.memory_id], self.clock.milliseconds()
        kept = history.retention.kept(history.of(query.memory_id), newest, now_ms)
        floor = kept[-1].version if len(kept) == history.retention.keep else 0
        return await history_page(query, _own(newest), [_own(state) for state in kept], floor)

    def superseded(self, limit: int, after: VersionPlace | None) -> list[Snapshot]:
        """Return superseded versions by id and version, those behind a place."""
        if self.history is None:
            return []
        kept = self.history.behind(after, self.clock.milliseconds())
        return [_own(state) for state in islice(filter(self._belongs, kept), limit)]

    def purge(self, version: int, limit: int) -> int:
        """Remove up to `limit` states with versions up to `version`, and their history; return how many there were."""
        gone = [memory_id for memory_id, state in self._states.items() if state.version <= version][:limit]
        for memory_id in gone:
            self._mortal.discard(memory_id)
            self._changes.forget(memory_id)
            record = self._records.pop(memory_id, None)
            if record is not None:
                del self._order[bisect_left(self._order, record.place)]
            del self._states[memory_id]
        if self.history is not None:
            self.history.purge(version)
        if gone:
            # One that only removes rows keeps what was in them until many are gone.
            self._index = UserIndex()
            for memory_id in self._records:
                self._index.put(plain_entry(self._states[memory_id]).entry)
        return len(gone)

    @property
    def empty(self) -> bool:
        """Whether nothing is kept, not even a tombstone."""
        return not self._states and (self.history is None or self.history.empty)

    def snapshot(self, memory_id: str) -> Snapshot | None:
        """Return one memory or its tombstone, None if neither exists."""
        stored = self._states.get(memory_id)
        return None if stored is None else _own(stored)

    def snapshots(self, limit: int, after: str | None) -> list[Snapshot]:
        """Return memories and tombstones by ascending id, those whose id is greater than `after`."""
        ids = nsmallest(limit, (memory_id for memory_id in self._states if after is None or memory_id > after))
        return [_own(self._states[memory_id]) for memory_id in ids]

    def expired(self, before: datetime) -> list[Snapshot]:
        """Return the states that had expired by a moment, in no order."""
        mortal = (self._states[memory_id] for memory_id in self._mortal)
        return [_own(state) for state in mortal if has_expired(state, before)]

    async def feed(self, query: FeedQuery, epoch: str) -> FeedPage:
        """Return what changed behind a position of an epoch.

        Raises:
            FeedLost: the position is of another epoch.
        """
        end = FeedPosition(epoch, self._changes.last)
        after = query.after or (end if query.now else FeedPosition(epoch, 0))
        if after.epoch != epoch or after.number > end.number:
            raise FeedLost(ANOTHER_HISTORY)
        changed = self._changes.after(after.number, query.limit + 1)
        changes = [FeedChange(_own(self._states[one]), FeedPosition(epoch, number)) for number, one in changed]
        return await feed_page(query, changes, end)

    def page(self, query: PageQuery) -> list[MemoryRecord]:
        """List what meets the conditions, after a position if one is given, skipping `offset` memories."""
        in_order = self._order if query.order == "oldest" else reversed(self._order)
        if not query.conditional and query.after is None and not self._mortal:
            places = islice(in_order, query.offset, query.offset + query.limit)
            return [_own(self._records[memory_id]) for *_, memory_id in places]
        records = (self._records[memory_id] for *_, memory_id in in_order)
        shown = islice(filter(query.shows, records), query.offset, query.offset + query.limit)
        return [_own(record) for record in shown]

    def count(self, conditions: Conditions) -> int:
        """Count the memories that meet the conditions."""
        every = not conditions.conditional and not self._mortal
        return len(self) if every else sum(map(conditions.admits, self._records.values()))

    async def recall(self, query: RecallQuery) -> Found:
        """Return the memories that answer a query best, best first, then newest first."""
        if not query.pending:
            return await self._ranked(query, Joined(self._index, {}))
        joined = await Joined.of(self._index, query, map(plain_entry, query.pending))
        found = await self._ranked(replace(query, without=without_pending(query)), joined)
        return replace(found, pending=frozenset(joined.brought))

    async def _ranked(self, query: RecallQuery, joined: Joined) -> Found:
        records = ChainMap(joined.brought, self._records)
        mask = await admitted(joined.index, query)
        with notes.timed("score"):
            ranked = rank(joined.index, Question.of(query.query), Ordering.of(query), mask)
        memories = [
            replace(_own(records[hit.id]), similarity_score=hit.score, explanation=hit.explanation)
            for hit in ranked.hits
        ]
        return Found(memories=memories, considered=ranked.considered if query.options.explain else None)

    def _hides(self, memory_id: str) -> bool:
        """Return whether readers see no memory under an id."""
        record = self._records.get(memory_id)
        return record is None or has_expired(record, self.clock.moment())

    def _set(self, state: Snapshot) -> None:
        """Replace the state of a memory, and update the list and the index."""
        replaced = self._states.get(state.id)
        former = self._records.pop(state.id, None)
        if former is not None:
            del self._order[bisect_left(self._order, former.place)]
        self._mortal.discard(state.id)
        self._states[state.id] = state
        if state != replaced:
            self._changes.note(state.id)
        if replaced is not None:
            self._keep(replaced)
        if state.content is None or state.created_at is None:
            self._index.remove(state.id)
            return
        plain = plain_entry(state)
        record = self._records[state.id] = plain.record
        insort(self._order, record.place)
        if record.expires_at is not None:
            self._mortal.add(state.id)
        self._index.put(plain.entry)

    def _belongs(self, version: Snapshot) -> bool:
        newest = self._states.get(version.id)
        return newest is None or is_version(version, newest)

    def _keep(self, state: Snapshot) -> None:
        """Keep a version beside the newest one; nothing is kept beside a tombstone."""
        newest = self._states.get(state.id)
        if self.history is None:
            return
        if newest is not None and newest.deleted:
            self.history.erase(state.id)
        elif newest is None or newest.version != state.version:
            self.history.put(state, newest, self.clock.milliseconds())


def _own(stored: _Stored) -> _Stored:
    """Copy the mutable part of a state, which is the metadata alone."""
    return replace(stored, metadata=deepcopy(stored.metadata))
