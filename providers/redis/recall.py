"""Recall by the ranking of this process, over an index that the numbers of changes bring up to date."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from providers.answers import PARTIAL, Found
from providers.redis.changes import ChangeLog, entry_of
from providers.redis.reader import Reader
from providers.redis.shelf import Shelf
from providers.search.admitting import admitted
from providers.search.questions import Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import MEGABYTE, RecallIndex
from providers.search.user_index import UserIndex
from providers.timing.turns import Turns
from providers.types import MemoryRecord, RecallQuery

# Answers may change between the look at what changed and the reading of their contents; then all is done once more, and
# the last time what changed is left out.
_TRIES = 3


class Recall:
    """Rank in this process; Redis tells what changed, and holds the contents."""

    def __init__(self, changes: ChangeLog, reader: Reader, shelf: Shelf, cache_mb: int) -> None:
        self._changes, self._reader, self._shelf = changes, reader, shelf
        self.index = RecallIndex(changes, cache_mb * MEGABYTE)

    async def find(self, query: RecallQuery) -> Found:
        """Return the answers, best first; of an owner with too many memories among the newest, and `partial` then."""
        for last in [False] * (_TRIES - 1) + [True]:
            records = await self._records(query) if query.of_contents else {}
            index = await self.index.current(query.owner)
            if index is None:
                return await self._among_the_newest(query)
            hits, versions = await _ranked(index, query, records)
            memories = await self._contents(query, hits, versions)
            if last or len(memories) == len(hits):
                return Found(memories=memories)
        raise AssertionError("the last try returns")

    async def _records(self, query: RecallQuery) -> dict[str, MemoryRecord]:
        """Return all memories of an owner, for conditions on what the index does not hold."""
        return {state.id: state.record async for state in self._reader.live(query.owner)}

    async def _among_the_newest(self, query: RecallQuery) -> Found:
        index, records, turns = UserIndex(), {}, Turns()
        async for state in self._reader.live(query.owner, order="newest"):
            index.put(entry_of(state))
            records[state.id] = state.record
            await turns.take()
            if len(records) == self._changes.most:
                break
        hits, _ = await _ranked(index, query, records)
        memories = [replace(records[hit.id], similarity_score=hit.score) for hit in hits]
        return Found(memories=memories, degraded=(PARTIAL,))

    async def _contents(self, query: RecallQuery, hits: Sequence[Hit], versions: Sequence[int]) -> list[MemoryRecord]:
        """Return the memories of hits, in their order, without those that have changed by now."""
        states = await self._shelf.states(query.owner, [hit.id for hit in hits])
        memories: list[MemoryRecord] = []
        for hit, version in zip(hits, versions, strict=True):
            state = states.get(hit.id)
            if state is not None and not state.deleted and state.version == version and query.admits(state.record):
                memories.append(replace(state.record, similarity_score=hit.score))
        return memories


async def _ranked(
    index: UserIndex, query: RecallQuery, records: Mapping[str, MemoryRecord]
) -> tuple[list[Hit], list[int]]:
    """Return the best answers and their versions, without a turn of the event loop between the two."""
    mask = await admitted(index, query, records)
    ordering = Ordering(limit=query.limit, min_score=query.min_score)
    hits = rank(index, Question.of(query.query), ordering, mask).hits
    return hits, [int(index.columns.version[hit.row]) for hit in hits]
