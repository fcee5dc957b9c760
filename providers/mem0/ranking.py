"""Ranking what mem0 has found: by mem0's score and by the words it shares with the query, in equal parts.

mem0 compares meanings, and finds words only where all of a query's stand in a memory; its scores are rescaled for
every query. Of what it has found, this puts first what a provider that knows words would: by the same ranking, in which
mem0's score stands for the cosine.
"""

import asyncio
from collections import ChainMap
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from observability import notes
from providers.answers import Found
from providers.search.admitting import admitted
from providers.search.entries import Entry
from providers.search.pending import Joined, plain_entry, without_pending
from providers.search.questions import EmbeddedQuestion, Ordering, Question
from providers.search.ranking import rank
from providers.search.user_index import UserIndex
from providers.search.vector_planes import VectorPlanes
from providers.timing.turns import Turns
from providers.types import MemoryRecord, RecallQuery, Snapshot

# The question's vector in a space of one dimension, in which that of each memory is its score.
_SCORE = "mem0"
_QUESTION = EmbeddedQuestion(np.ones(1, np.float32))
_NOT_FOUND = 1e-6  # in the place of a score of 0: a memory without any vector would be ranked by its words alone


class _Candidates(Struct, frozen=True):
    """An index of what mem0 found, without its scores, which are those of one question; by the states it is of."""

    states: tuple[Snapshot, ...] = ()
    index: UserIndex = field(default_factory=UserIndex)
    records: dict[str, MemoryRecord] = {}


class Mem0Ranking:
    """Rank the answers to one query after the other, so that those of a batch do not take turns with each other.

    What was found last is kept: of a user with few memories mem0 finds the same for every question.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._last = _Candidates()

    async def ranked(self, query: RecallQuery, hits: Sequence[tuple[Snapshot, float]], *, neighbours: bool) -> Found:
        """Return the best answers, best first, then newest first; `hits` are live memories with mem0's scores.

        `neighbours` count only among all memories of an owner: those that mem0 found need not stand next to each other.
        """
        async with self._turn:
            candidates = await self._candidates([state for state, _ in hits])
            _set_scores(candidates.index, {state.id: score for state, score in hits})
            return await _ranked(query, candidates, neighbours=neighbours)

    async def _candidates(self, states: Sequence[Snapshot]) -> _Candidates:
        # All of each is compared: what others change in mem0 keeps its version.
        if self._last.states != tuple(states):
            candidates, turns = _Candidates(states=tuple(states)), Turns()
            for state in states:
                record = candidates.records[state.id] = state.record
                candidates.index.put(Entry.of(record, state.version))
                await turns.take()
            self._last = candidates
        return self._last


def _set_scores(index: UserIndex, scores: Mapping[str, float]) -> None:
    planes = VectorPlanes(1)
    for memory_id, score in scores.items():
        row = index.row_of(memory_id)
        if row is not None:
            planes.add(np.array([[min(max(score, _NOT_FOUND), 1.0)]], np.float32), np.array([row]))
    index.planes[_SCORE] = planes


async def _ranked(query: RecallQuery, candidates: _Candidates, *, neighbours: bool) -> Found:
    joined = Joined(candidates.index, {})
    if query.pending:
        joined = await Joined.of(candidates.index, query, map(plain_entry, query.pending))
        query = replace(query, without=without_pending(query))
    shown = ChainMap(joined.brought, candidates.records)
    mask = await admitted(joined.index, query)
    # It is no cosine: only the same text is certainly alike.
    question = Question.of(query.query, {} if query.options.alike else {_SCORE: _QUESTION})
    ordering = Ordering.of(query)
    ordering = replace(ordering, neighbours=ordering.neighbours and neighbours)
    with notes.timed("score"):
        ranked = rank(joined.index, question, ordering, mask)
    return Found(
        memories=[
            replace(shown[hit.id], similarity_score=hit.score, explanation=hit.explanation) for hit in ranked.hits
        ],
        considered=ranked.considered if query.options.explain else None,
        pending=frozenset(joined.brought) if query.pending else None,
    )
