"""Recall by the ranking of this process, over an index that the numbers of changes bring up to date."""

from msgspec.structs import replace

from observability import notes
from providers.answers import PARTIAL, Found
from providers.redis.changes import RedisChanges
from providers.redis.reader import Reader
from providers.redis.shelf import Shelf
from providers.search.admitting import admitted
from providers.search.pending import plain_entry
from providers.search.questions import Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
from providers.search.recall_index.ranked import Asked, RankedHits, ranked_now
from providers.search.user_index import UserIndex
from providers.timing.turns import Turns, in_turns
from providers.types import MemoryRecord, RecallQuery

# Answers may change between the look at what changed and the reading of their contents; then all is done once more, and
# the last time what changed is left out.
_TRIES = 3


class Recall:
    """Rank in this process; Redis tells what changed, and holds the contents."""

    def __init__(self, changes: RedisChanges, reader: Reader, shelf: Shelf, index: RecallIndex) -> None:
        self._changes, self._reader, self._shelf = changes, reader, shelf
        self._index = index

    async def find(self, query: RecallQuery) -> Found:
        """Return the answers, best first; of an owner with too many memories among the newest, and `partial` then."""
        question, ordering = Question.of(query.query), Ordering.of(query)
        pending = await in_turns(plain_entry, query.pending)
        for last in [False] * (_TRIES - 1) + [True]:
            asked = Asked(query, question, ordering, await self._admitted(query))
            with notes.timed("refresh"):
                ranked = await ranked_now(self._index, asked, pending)
            if ranked is None:
                return await self._among_the_newest(query)
            memories = await self._contents(ranked)
            if last or len(memories) == len(ranked.hits):
                considered = ranked.considered if query.options.explain else None
                return Found(memories=memories, considered=considered, pending=ranked.pending)
        raise AssertionError("the last try returns")

    async def _admitted(self, query: RecallQuery) -> list[str] | None:
        """Return the ids of the memories that meet conditions on what the index does not hold; None without any."""
        if not query.of_contents:
            return None
        ids, turns = [], Turns()
        async for state in self._reader.live(query.owner):
            if query.admits(state.record):
                ids.append(state.id)
            await turns.take()
        return ids

    async def _among_the_newest(self, query: RecallQuery) -> Found:
        """Rank the newest memories without keeping an index, as many as one recall may read."""
        index, turns = UserIndex(), Turns()
        records: dict[str, MemoryRecord] = {}
        whole = True
        async for state in self._reader.live(query.owner, order="newest"):
            if len(records) == self._changes.most:
                whole = False
                break
            found = plain_entry(state)
            records[state.id] = found.record
            index.put(found.entry)
            await turns.take()
        mask = await admitted(index, query, records)
        ordering = Ordering.of(query)
        ordering = replace(ordering, neighbours=ordering.neighbours and whole)
        with notes.timed("score"):
            ranked = rank(index, Question.of(query.query), ordering, mask)
        return Found(
            memories=[
                replace(records[hit.id], similarity_score=hit.score, explanation=hit.explanation) for hit in ranked.hits
            ],
            considered=ranked.considered if query.options.explain else None,
            degraded=() if whole else (PARTIAL,),
        )

    async def _contents(self, ranked: RankedHits) -> list[MemoryRecord]:
        """Return the memories of hits, in their order, without those that have changed by now."""
        query, brought = ranked.query, ranked.joined.brought
        states = await self._shelf.states(query.owner, [hit.id for hit in ranked.hits if hit.id not in brought])
        same = {
            state.id: state.record
            for state in states.values()
            if not state.deleted and state.version == ranked.versions[state.id]
        }
        found = brought | same
        return [
            replace(record, similarity_score=hit.score, explanation=hit.explanation)
            for hit in ranked.hits
            if (record := found.get(hit.id)) is not None and query.admits(record)
        ]
