"""Memories that a store does not have yet, ranked with those that it has."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Self

from msgspec import Struct

from providers.search.entries import Entry
from providers.search.user_index import UserIndex
from providers.timing.turns import Turns
from providers.types import MemoryRecord, RecallQuery, Snapshot

# Memories of an index that is copied for one question; with more, copying it would hold up others for too long.
MOST_COPIED = 10_000


class PendingEntry(Struct, frozen=True):
    """A pending memory, as a ranking sees it and as a caller does."""

    entry: Entry
    record: MemoryRecord


class Joined(Struct, frozen=True):
    """An index with what a question brought, by id; `brought` are those that the store does not have in this state."""

    index: UserIndex
    brought: dict[str, MemoryRecord]

    @classmethod
    async def of(cls, index: UserIndex, query: RecallQuery, pending: Iterable[PendingEntry]) -> Self:
        """Return a copy of an index with the pending memories in it.

        A pending memory takes the place of what the question leaves out; otherwise what the store has counts.
        """
        index, brought, turns = deepcopy(index), {}, Turns()
        for memory_id in query.without:
            index.remove(memory_id)
            await turns.take()
        for one in pending:
            if index.row_of(one.entry.id) is None:
                index.put(one.entry)
                brought[one.entry.id] = one.record
            await turns.take()
        return cls(index, brought)


def without_pending(query: RecallQuery) -> frozenset[str]:
    """Return what a question leaves out of the answer: no memory whose pending state it brings."""
    return query.without - {state.id for state in query.pending}


def plain_entry(state: Snapshot) -> PendingEntry:
    """Return a pending memory without vectors."""
    record = state.record
    return PendingEntry(Entry.of(record, state.version), record)
