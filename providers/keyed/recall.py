"""Recall by the ranking of this process, over an index that a store's changes bring up to date."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from observability import notes
from providers.answers import APPROXIMATE, PARTIAL, Found
from providers.keyed.reader import Reader
from providers.keyed.shelf import Shelf
from providers.search.admitting import admitted
from providers.search.pending import PendingEntry, plain_entry
from providers.search.questions import Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
from providers.search.recall_index.ranked import Asked, RankedHits, Read, ranked_now
from providers.search.user_index import UserIndex
from providers.timing.lazy import Lazy
from providers.timing.turns import Turns, in_turns
from providers.types import MemoryRecord, RecallQuery, Snapshot

MOST_RANKED = 100_000  # memories of one owner, of which an index is built from what a store sends

# Answers may change between the look at what changed and the reading of their contents; then all is done once more, and
# the last time what changed is left out.
_TRIES = 3


class Candidates(Struct, frozen=True):
    """Memories of one owner that may answer a question: all of them, or those that a store has chosen."""

    entries: AsyncIterator[PendingEntry]
    all_there_are: bool


class Recall:
    """Rank in this process; the store tells what changed, and holds the contents.

    Of an owner for whom there can be no index `most` memories are ranked, and the answer is partial if there are more.
    """

    def __init__(self, reader: Reader, shelf: Shelf[Any], index: RecallIndex, most: int = MOST_RANKED) -> None:
        self._reader, self._shelf = reader, shelf
        self._index, self.most = index, most

    async def find(self, query: RecallQuery) -> Found:
        """Return the answers, best first; of an owner with too many memories among the newest, and `partial` then."""
        pending = await self.pending(query.pending)
        asked = Asked(query, Ordering.of(query), Lazy(partial(self.read, query)))
        for last in [False] * (_TRIES - 1) + [True]:
            with notes.timed("refresh"):
                ranked = await ranked_now(self._index, asked, pending)
            if ranked is None:
                with notes.timed("embed"):
                    read = await asked.read()
                return await self._among_some(query, read)
            memories = await self._contents(ranked)
            if last or len(memories) == len(ranked.hits):
                considered = ranked.considered if query.options.explain else None
                degraded = (*ranked.degraded, *((APPROXIMATE,) if ranked.approximate else ()))
                return Found(memories=memories, considered=considered, pending=ranked.pending, degraded=degraded)
        raise AssertionError("the last try returns")

    async def read(self, query: RecallQuery) -> Read:
        """Return the question of a query, by its words alone unless a store has vectors."""
        return Read(Question.of(query.query))

    async def pending(self, states: Sequence[Snapshot]) -> list[PendingEntry]:
        """Return live states that the store may not have as the ranking sees them."""
        return await in_turns(plain_entry, states)

    async def candidates(self, query: RecallQuery, question: Question) -> Candidates:  # noqa: ARG002 - for those that choose
        """Return the memories that are ranked without an index, those first that count most."""
        return Candidates(_plain(self._reader.live(query.owner, order="newest")), all_there_are=True)

    async def _among_some(self, query: RecallQuery, read: Read) -> Found:
        """Rank without keeping an index, as many memories as one recall may read."""
        index, turns = UserIndex(), Turns()
        records: dict[str, MemoryRecord] = {}
        candidates = await self.candidates(query, read.question)
        whole = candidates.all_there_are
        async for found in candidates.entries:
            if len(records) == self.most:
                whole = False
                break
            records[found.entry.id] = found.record
            index.put(found.entry)
            await turns.take()
        mask = await admitted(index, query)
        ordering = Ordering.of(query)
        ordering = replace(ordering, neighbours=ordering.neighbours and whole)
        with notes.timed("score"):
            ranked = rank(index, read.question, ordering, mask)
        marks = (() if whole else (PARTIAL,)) + ((APPROXIMATE,) if ranked.approximate else ())
        return Found(
            memories=[
                replace(records[hit.id], similarity_score=hit.score, explanation=hit.explanation) for hit in ranked.hits
            ],
            considered=ranked.considered if query.options.explain else None,
            degraded=(*read.degraded, *marks),
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


async def _plain(states: AsyncIterator[Snapshot]) -> AsyncIterator[PendingEntry]:
    async for state in states:
        yield plain_entry(state)
