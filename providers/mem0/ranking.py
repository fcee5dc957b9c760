"""Ranking what mem0 has found: by mem0's score and by the words it shares with the question, in equal parts.

mem0 compares meanings, and finds words only where all of a question's stand in a memory; its scores are rescaled for
every question. Of what it has found, this puts first what a provider that knows words would.
"""

from collections.abc import Iterable
from datetime import datetime

from providers.search.filter_match import matches
from providers.text.words import word_scores, words_of
from providers.types import MemoryRecord, RecallQuery, Snapshot

WORDS_WEIGHT = 0.5


def ranked(query: RecallQuery, hits: Iterable[tuple[Snapshot, float]]) -> list[MemoryRecord]:
    """Give the best answers, best first, then newest first; `hits` are live memories with mem0's scores."""
    found = {state.id: (state, score) for state, score in hits}
    words = word_scores(query.query, {memory_id: state.content or "" for memory_id, (state, _) in found.items()})
    weight = WORDS_WEIGHT if words_of(query.query) else 0.0
    records = [
        record_of(state, weight * words.get(memory_id, 0.0) + (1 - weight) * min(max(score, 0.0), 1.0))
        for memory_id, (state, score) in found.items()
        if _is_meant(query, state)
    ]
    good = [record for record in records if 0 < (record.similarity_score or 0.0) >= query.min_score]
    return sorted(good, key=_place, reverse=True)[: query.limit]


def record_of(state: Snapshot, score: float | None = None) -> MemoryRecord:
    """Give a live state as a caller sees it."""
    if state.content is None or state.created_at is None:
        raise ValueError("a tombstone is no record")
    return MemoryRecord(
        id=state.id,
        user_id=state.user_id,
        content=state.content,
        metadata=state.metadata,
        created_at=state.created_at,
        updated_at=state.updated_at,
        similarity_score=score,
    )


def _is_meant(query: RecallQuery, state: Snapshot) -> bool:
    return (
        state.created_at is not None
        and (query.created_from is None or state.created_at >= query.created_from)
        and (query.created_before is None or state.created_at < query.created_before)
        and (query.where is None or matches(query.where, state.metadata))
    )


def _place(record: MemoryRecord) -> tuple[float, datetime, str]:
    return record.similarity_score or 0.0, record.created_at, record.id
