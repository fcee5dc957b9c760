"""One user's memories in this process: put once, edited by version, deleted for ever, listed and searched."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from heapq import nlargest

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from providers.clock import HybridClock, milliseconds_of, moment_of, new_memory_id
from providers.errors import Conflict, MemoryDeleted, MemoryNotFound
from providers.filter_match import equal, matches
from providers.types import MemoryRecord, Metadata, NewMemory, Position, RecallQuery
from providers.words import WordIndex

# How many edits of one memory are remembered, so that their retries change nothing.
REMEMBERED_EDITS = 16


class _Stored(Struct, frozen=True):
    """A memory as it is now, and as it came, so that a retry of the first write is known after an edit too."""

    record: MemoryRecord
    version: int
    first_content: str
    first_metadata: Metadata | None
    edits: tuple[str, ...] = ()

    def came_as(self, content: str, metadata: Metadata | None) -> bool:
        return self.first_content == content and equal(self.first_metadata, metadata)


class Shelf:
    """What one user has stored; arguments are checked before they come here.

    Metadata is copied on the way in and on the way out, so that nobody changes a memory by changing a dict.
    """

    def __init__(self, clock: HybridClock) -> None:
        self._clock = clock
        self._stored: dict[str, _Stored] = {}
        self._deleted: dict[str, str | None] = {}  # with the edit that deleted a memory, if it had an id
        self._order: list[tuple[datetime, str]] = []  # from the oldest to the newest
        self._words = WordIndex()

    def __len__(self) -> int:
        return len(self._stored)

    def put(self, memory: NewMemory, memory_id: str | None) -> str:
        """Store a memory once and give its id; a missing id is minted.

        Raises:
            Conflict: the id was stored with another content or other metadata.
            MemoryDeleted: the id was deleted.
        """
        version = self._clock.next() if memory.version is None else memory.version
        if memory_id is None:
            memory_id = new_memory_id(lambda: milliseconds_of(version))
        if memory_id in self._deleted:
            raise MemoryDeleted(memory_id)
        stored = self._stored.get(memory_id)
        if stored is None:
            self._add(memory, memory_id, version)
        elif not stored.came_as(memory.content, memory.metadata):
            raise Conflict(memory_id)
        return memory_id

    def get(self, memory_id: str) -> MemoryRecord:
        """Give one memory.

        Raises:
            MemoryNotFound: there is none under this id.
        """
        return deepcopy(self._find(memory_id).record)

    def edit(
        self,
        memory_id: str,
        content: str | UnsetType,
        metadata: Metadata | UnsetType | None,
        version: int | None,
        edit_id: str | None,
    ) -> MemoryRecord:
        """Replace what is given, unless the version is not newer or the edit was applied already.

        Raises:
            MemoryNotFound: there is none under this id.
        """
        stored = self._find(memory_id)
        if version is None:
            self._clock.observe(stored.version)
            version = self._clock.next()
        nothing_given = content is UNSET and metadata is UNSET
        if not (nothing_given or version <= stored.version or edit_id in stored.edits):
            record = replace(
                stored.record,
                content=stored.record.content if content is UNSET else content,
                metadata=stored.record.metadata if metadata is UNSET else deepcopy(metadata),
                updated_at=moment_of(version),
            )
            edits = stored.edits if edit_id is None else (*stored.edits, edit_id)[-REMEMBERED_EDITS:]
            self._stored[memory_id] = replace(stored, record=record, version=version, edits=edits)
            if content is not UNSET:
                self._words.put(memory_id, content)
        return self.get(memory_id)

    def delete(self, memory_id: str, edit_id: str | None) -> bool:
        """Leave a tombstone under this id, and tell whether there was a memory, or this very edit deleted it."""
        stored = self._stored.pop(memory_id, None)
        if stored is None:
            deleted_by = self._deleted.setdefault(memory_id, None)
            return deleted_by is not None and deleted_by == edit_id
        self._deleted[memory_id] = edit_id
        del self._order[bisect_left(self._order, (stored.record.created_at, memory_id))]
        self._words.remove(memory_id)
        return True

    def page(self, limit: int, offset: int, after: Position | None) -> list[MemoryRecord]:
        """List from newest to oldest, from the position on if one is given, skipping `offset` memories."""
        end = len(self._order)
        if after is not None:
            end = bisect_left(self._order, (after.created_at, after.memory_id.lower()))
        end = max(end - offset, 0)
        oldest_first = self._order[max(end - limit, 0) : end]
        return [self.get(memory_id) for _, memory_id in reversed(oldest_first)]

    def recall(self, query: RecallQuery) -> list[MemoryRecord]:
        """Find the best answers to a question, best first, then newest first."""
        best = nlargest(query.limit, self._hits(query))
        return [replace(self.get(memory_id), similarity_score=score) for score, _, memory_id in best]

    def _hits(self, query: RecallQuery) -> Iterator[tuple[float, datetime, str]]:
        for memory_id, score in self._words.scores(query.query).items():
            record = self._stored[memory_id].record
            if (
                score >= query.min_score
                and (query.created_from is None or record.created_at >= query.created_from)
                and (query.created_before is None or record.created_at < query.created_before)
                and (query.where is None or matches(query.where, record.metadata))
            ):
                yield score, record.created_at, memory_id

    def _add(self, memory: NewMemory, memory_id: str, version: int) -> None:
        created_at = moment_of(version) if memory.created_at is None else memory.created_at.astimezone(UTC)
        record = MemoryRecord(
            id=memory_id,
            user_id=memory.user_id,
            content=memory.content,
            metadata=deepcopy(memory.metadata),
            created_at=created_at,
            updated_at=None,
        )
        self._stored[memory_id] = _Stored(record, version, record.content, record.metadata)
        insort(self._order, (created_at, memory_id))
        self._words.put(memory_id, record.content)

    def _find(self, memory_id: str) -> _Stored:
        stored = self._stored.get(memory_id)
        if stored is None:
            raise MemoryNotFound(memory_id)
        return stored
