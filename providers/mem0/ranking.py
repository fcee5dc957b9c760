"""Ranking what mem0 has found: by mem0's score and by the words it shares with the query, in equal parts.

mem0 compares meanings, and finds words only where all of a query's stand in a memory; its scores are rescaled for
every query. Of what it has found, this puts first what a provider that knows words would.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from providers.search.word_scores import QueryWords
from providers.types import MemoryRecord, RecallQuery, Snapshot

WORDS_WEIGHT = 0.5


def ranked(query: RecallQuery, hits: Iterable[tuple[Snapshot, float]]) -> list[MemoryRecord]:
    """Return the best answers, best first, then newest first; `hits` are live memories with mem0's scores."""
    found = {state.id: (state.record, score) for state, score in hits}
    question = QueryWords(query.query)
    words = question.scores({memory_id: question.matches(record.content) for memory_id, (record, _) in found.items()})
    weight = WORDS_WEIGHT if len(question) else 0.0
    records = [
        replace(record, similarity_score=weight * words.get(memory_id, 0.0) + (1 - weight) * min(max(score, 0.0), 1.0))
        for memory_id, (record, score) in found.items()
        if query.admits(record)
    ]
    good = [record for record in records if 0 < (record.similarity_score or 0.0) >= query.min_score]
    good.sort(key=lambda record: (record.similarity_score or 0.0, record.created_at, record.id), reverse=True)
    return good[: query.limit]
