"""Ranking what mem0 has found: by mem0's score and by the words it shares with the query, in equal parts.

mem0 compares meanings, and finds words only where all of a query's stand in a memory; its scores are rescaled for
every query. Of what it has found, this puts first what a provider that knows words would: by the same ranking, in which
mem0's score stands for the cosine.
"""

from collections import ChainMap
from collections.abc import Iterable

import numpy as np
from msgspec.structs import replace

from observability import notes
from providers.answers import Found
from providers.search.admitting import admitted
from providers.search.entries import Entry
from providers.search.pending import Joined, plain_entry, without_pending
from providers.search.questions import EmbeddedQuestion, Ordering, Question
from providers.search.ranking import rank
from providers.search.user_index import UserIndex
from providers.timing.turns import Turns
from providers.types import MemoryRecord, RecallQuery, Snapshot

# The question's vector in a space of one dimension, in which that of each memory is its score.
_SCORE = "mem0"
_QUESTION = EmbeddedQuestion(np.ones(1, np.float32))
_NOT_FOUND = 1e-6  # in the place of a score of 0: a memory without any vector would be ranked by its words alone


class Mem0Ranking:
    """Rank the answers to one query.

    `neighbours` count only among all memories of an owner: those that mem0 found need not stand next to each other.
    """

    def __init__(self, query: RecallQuery, *, neighbours: bool = True) -> None:
        self._query = query
        self._neighbours = neighbours

    async def ranked(self, hits: Iterable[tuple[Snapshot, float]]) -> Found:
        """Return the best answers, best first, then newest first; `hits` are live memories with mem0's scores."""
        index, records, turns = UserIndex(), dict[str, MemoryRecord](), Turns()
        for state, score in hits:
            record = records[state.id] = state.record
            vector = np.array([min(max(score, _NOT_FOUND), 1.0)], np.float32)
            index.put(Entry.of(record, state.version, {_SCORE: vector}))
            await turns.take()
        query, joined = self._query, Joined(index, {})
        if query.pending:
            joined = await Joined.of(index, query, map(plain_entry, query.pending))
            query = replace(query, without=without_pending(query))
        shown = ChainMap(joined.brought, records)
        mask = await admitted(joined.index, query, shown)
        # It is no cosine: only the same text is certainly alike.
        question = Question.of(query.query, {} if query.options.alike else {_SCORE: _QUESTION})
        ordering = Ordering.of(query)
        ordering = replace(ordering, neighbours=ordering.neighbours and self._neighbours)
        with notes.timed("score"):
            ranked = rank(joined.index, question, ordering, mask)
        return Found(
            memories=[
                replace(shown[hit.id], similarity_score=hit.score, explanation=hit.explanation) for hit in ranked.hits
            ],
            considered=ranked.considered if query.options.explain else None,
            pending=frozenset(joined.brought) if query.pending else None,
        )
