"""The overlay: pending operations and tombstones that a provider does not know yet, applied to its answers."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from providers.answers import Found
from providers.journal.operations import JournalEntry, OperationKind
from providers.keys.choosing import NO_RANK, Rank, rank_of
from providers.search.word_scores import QueryWords
from providers.states.clock import HybridClock
from providers.timing.turns import Turns, in_turns
from providers.types import MemoryRecord, RecallQuery, Snapshot


class Overlay:
    """The states of one owner's memories that take precedence over the answers of one provider.

    It is not `complete` if there are more than it holds. If it `hides` them, memories are not shown whose keys name
    another one; see `providers/keys`.
    """

    def __init__(self, entries: Iterable[JournalEntry], *, complete: bool = True, hides: bool = True) -> None:
        self._complete = complete
        self._entries = {entry.state.id: entry for entry in entries}
        self._current: dict[str, Rank] = {}  # of each key, what is known to be the greatest
        for entry in self._entries.values() if hides else ():
            key = entry.state.key
            if key is not None and not entry.state.deleted:
                self._current[key] = max(self._current.get(key, NO_RANK), rank_of(entry.state))

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ids(self) -> frozenset[str]:
        """All memories that the overlay knows."""
        return frozenset(self._entries)

    @property
    def hidden(self) -> frozenset[str]:
        """The memories whose states at the provider are out of date."""
        return frozenset(memory_id for memory_id, entry in self._entries.items() if not is_creation(entry))

    def supersedes(self, record: MemoryRecord | Snapshot) -> bool:
        """Return whether the key of a memory names another one."""
        return record.key in self._current and self._current[record.key] > rank_of(record)

    @property
    def pending(self) -> tuple[Snapshot, ...]:
        """The live memories that the overlay knows, for a provider that ranks them with its own."""
        states = (entry.state for entry in self._entries.values() if not entry.state.deleted)
        return tuple(state for state in states if not self.supersedes(state))

    def unverified(self, memory_id: str) -> bool:
        """Return whether the entry of a memory is unverified; see `is_unverified`."""
        entry = self._entries.get(memory_id)
        return entry is not None and is_unverified(entry)

    def marked(self, found: Found, there: Collection[str]) -> Found:
        """Mark an answer as eventual if it lacks something, or shows an unverified write that the provider has not.

        Of the memories that are `there`, at the provider, it is the provider's own state that is shown.
        """
        if not self._complete:
            found = replace(found, degraded=(*found.degraded, FAR_BEHIND), eventual=True)
        if any(record.id not in there and self.unverified(record.id) for record in found.memories):
            return replace(found, degraded=(*found.degraded, UNVERIFIED), eventual=True)
        return found

    def additions(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """Return the memories to be added to those of the provider, or to replace them."""
        there = {record.id for record in records}
        added = [
            entry.state.record
            for memory_id, entry in self._entries.items()
            if not entry.state.deleted and not (memory_id in there and is_creation(entry))
        ]
        return [record for record in added if not self.supersedes(record)]

    def without(self, records: Iterable[MemoryRecord]) -> list[MemoryRecord]:
        """Drop the memories for which the overlay has a newer state or another current one, keeping the order."""
        return [
            record
            for record in records
            if ((entry := self._entries.get(record.id)) is None or is_creation(entry)) and not self.supersedes(record)
        ]

    async def recalled(self, query: RecallQuery, found: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """Merge the answer of a provider that ranks its own alone with the pending memories that match the query.

        The two kinds of scores are not comparable. A pending memory therefore gets the rank that its word score has
        among all of them, and a score between those of its neighbours. There may be thousands of long memories, whose
        words take turns of the event loop.
        """
        turns = Turns()
        found = self.without(found)
        additions = self.additions(found)
        admitted = await in_turns(query.admits, additions)
        pending = [record for record, admits in zip(additions, admitted, strict=True) if admits]
        words = QueryWords(query.query)
        matches = dict(zip(_ids(pending), await in_turns(words.matches, _contents(pending)), strict=True))
        own = words.scores(matches)
        await turns.take()
        pending = sorted(
            (record for record in pending if own.get(record.id, 0.0) >= max(query.min_score, _LEAST)),
            key=lambda record: (own[record.id], record.created_at, record.id),
            reverse=True,
        )
        if not pending:
            return found[: query.limit]
        matches |= zip(_ids(found), await in_turns(words.matches, _contents(found)), strict=True)
        common = words.scores({memory_id: matches[memory_id] for memory_id in _ids([*found, *pending])})
        await turns.take()
        # The negative ones, because these ascend.
        ranked = sorted(-common.get(record.id, 0.0) for record in found)
        merged = list(found)
        for record in reversed(pending):  # so that the better of two with one rank ends up in front
            merged.insert(bisect_left(ranked, -common[record.id]), record)
        return _with_scores(merged, own, query.limit)


def is_creation(entry: JournalEntry) -> bool:
    """Return whether an operation creates its memory: where one exists already, it is this one or a later state."""
    return entry.kind is OperationKind.REMEMBER


def is_unverified(entry: JournalEntry) -> bool:
    """Return whether a write was appended while no provider could be asked if it repeats an earlier one."""
    return is_creation(entry) and entry.state.version == OLDEST_VERSION


def deletion_version(state: MemoryRecord | Snapshot, clock: HybridClock) -> int | None:
    """Return the version that a deletion of a memory needs, None if it is that after the memory's own.

    An unverified write may repeat one that was deleted, of which the tombstone is older than this one, and stays.
    """
    return clock.next() if state.version == OLDEST_VERSION else None


# The reason why an answer that shows an unverified write is eventual: the memory may have been changed or deleted.
UNVERIFIED = "unverified"

# The reason why an answer is eventual that lacks operations, because more are pending than can be laid over it.
FAR_BEHIND = "far_behind"

# The version of an unverified write: if it repeats an earlier one, every later state is newer.
OLDEST_VERSION = 1

_LEAST = 1e-9  # a score above zero


def _ids(records: Iterable[MemoryRecord]) -> list[str]:
    return [record.id for record in records]


def _contents(records: Iterable[MemoryRecord]) -> list[str]:
    return [record.content for record in records]


def _with_scores(merged: Sequence[MemoryRecord], own: dict[str, float], limit: int) -> list[MemoryRecord]:
    floor = 0.0
    floors: list[float] = []
    for record in reversed(merged):
        floors.append(floor)
        floor = max(floor, record.similarity_score or 0.0)
    ceiling = 1.0
    scored: list[MemoryRecord] = []
    for record, lowest in zip(merged[:limit], reversed(floors), strict=False):
        score = record.similarity_score
        ceiling = min(max(own[record.id], lowest), ceiling) if score is None else score
        scored.append(replace(record, similarity_score=ceiling))
    return scored
