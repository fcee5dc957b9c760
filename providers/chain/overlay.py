"""What a provider does not know yet: pending operations and tombstones, laid over its answers."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from providers.journal.operations import JournalEntry, OperationKind
from providers.text.words import word_scores
from providers.types import MemoryRecord, RecallQuery


class Overlay:
    """The states of one user's memories that count more than what one provider says."""

    def __init__(self, entries: Iterable[JournalEntry]) -> None:
        self._entries = {entry.state.id: entry for entry in entries}

    def __len__(self) -> int:
        return len(self._entries)

    def unverified(self, memory_id: str) -> bool:
        """Return whether nobody could tell if this beginning is the repetition of an earlier one."""
        entry = self._entries.get(memory_id)
        return entry is not None and is_creation(entry) and entry.state.version == OLDEST_VERSION

    def additions(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """Return the memories that are to be added to the provider's, or put in their place."""
        there = {record.id for record in records}
        return [
            entry.state.record
            for memory_id, entry in self._entries.items()
            if not entry.state.deleted and not (memory_id in there and is_creation(entry))
        ]

    def without(self, records: Iterable[MemoryRecord]) -> list[MemoryRecord]:
        """Drop everything about which the overlay knows better, in the order given."""
        return [record for record in records if (entry := self._entries.get(record.id)) is None or is_creation(entry)]

    def recalled(self, query: RecallQuery, found: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """Merge the provider's answer, best first, with the pending memories that answer the question.

        The two scores do not compare, so a pending memory takes the rank that it has by words among all of them, and
        its score is brought between those of its neighbours.
        """
        found = self.without(found)
        pending = [record for record in self.additions(found) if query.admits(record)]
        own = _scores(query, pending)
        pending = sorted(
            (record for record in pending if own.get(record.id, 0.0) >= max(query.min_score, _LEAST)),
            key=lambda record: (own[record.id], record.created_at, record.id),
            reverse=True,
        )
        if not pending:
            return found[: query.limit]
        common = _scores(query, [*found, *pending])
        merged = list(found)
        for record in reversed(pending):  # so that of two for one place the better one ends up in front
            rank = sum(common.get(other.id, 0.0) > common[record.id] for other in found)
            merged.insert(rank, record)
        return _with_scores(merged, own)[: query.limit]


def is_creation(entry: JournalEntry) -> bool:
    """Return whether a memory begins with this operation: one that is there already is this one or a later state."""
    return entry.kind is OperationKind.REMEMBER


# The version of a beginning that nobody could judge: if it is a repetition, whatever came later is newer.
OLDEST_VERSION = 1

_LEAST = 1e-9  # a score above zero


def _scores(query: RecallQuery, records: Iterable[MemoryRecord]) -> dict[str, float]:
    return word_scores(query.query, {record.id: record.content for record in records})


def _with_scores(merged: Sequence[MemoryRecord], own: dict[str, float]) -> list[MemoryRecord]:
    floor = 0.0
    floors: list[float] = []
    for record in reversed(merged):
        floors.append(floor)
        floor = max(floor, record.similarity_score or 0.0)
    ceiling = 1.0
    scored: list[MemoryRecord] = []
    for record, lowest in zip(merged, reversed(floors), strict=True):
        score = record.similarity_score
        ceiling = min(max(own[record.id], lowest), ceiling) if score is None else score
        scored.append(replace(record, similarity_score=ceiling))
    return scored
