"""Recall by the ranking of this process, over an index that the database brings up to date."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from msgspec.structs import replace

from observability import notes
from providers.answers import APPROXIMATE, INDEX_LOADING, INDEX_TOO_LARGE, Found
from providers.native.columns import RECORD, names, record_of
from providers.native.database import Database
from providers.native.pending_entries import PendingEntries
from providers.native.vectors import QuestionVectors, Vectors
from providers.native.wall import within as named
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.search.pending import PendingEntry
from providers.search.questions import EmbeddedQuestion, Ordering, Question
from providers.search.recall_index.index import RecallIndex
from providers.search.recall_index.ranked import Asked, RankedHits, Read, ranked_now
from providers.timing.lazy import Lazy
from providers.types import MemoryRecord, RecallQuery

# Answers may change between the look at what changed and the reading of their contents; then all is done once more, and
# the last time what changed is left out.
_TRIES = 3

# Seconds that a recall waits for an index that must be loaded; after that the database scores, while loading goes on.
# The database orders otherwise, and the answer says so; only users with very many memories should ever see it.
_PATIENCE = 1.0

_CONTENTS = f"""
    SELECT {names(RECORD)}, version FROM ninai_memories
    WHERE {named("CAST($3 AS text)")} AND user_id = $1 AND id = ANY (CAST($2 AS uuid[])) AND deleted_at IS NULL
"""  # noqa: S608 - joined from constants


class RankedRecall:
    """Rank in this process; the database tells what changed, and the contents of the answers."""

    def __init__(self, database: Database, vectors: Vectors, vectors_weight: float, index: RecallIndex) -> None:
        self._database, self._vectors, self._vectors_weight, self.index = database, vectors, vectors_weight, index
        self._pending = PendingEntries(vectors)

    async def recall(self, query: RecallQuery, vectors: Lazy[QuestionVectors]) -> Found | None:
        """Return the answers, best first; None while the owner's index loads, or with too many memories for one."""
        pending: Sequence[PendingEntry] = []
        if query.pending:
            with notes.timed("embed"):
                pending = await self._pending.of(query.pending)
        ordering = Ordering.of(query, self._vectors_weight)
        asked = Asked(query, ordering, Lazy(partial(self._read, query.query, vectors)))
        for last in [False] * (_TRIES - 1) + [True]:
            with notes.timed("refresh"):
                ranked = await ranked_now(self.index, asked, pending, _PATIENCE)
            if ranked is None:
                return None
            records = await self._records(ranked)
            if last or len(records) == len(ranked.hits):
                considered = ranked.considered if query.options.explain else None
                degraded = (*ranked.degraded, *((APPROXIMATE,) if ranked.approximate else ()))
                return Found(memories=records, considered=considered, pending=ranked.pending, degraded=degraded)
        raise AssertionError("the last try returns")

    def without_index(self, owner: Owner) -> tuple[str, ...]:
        """Return why no index ranks, which might order otherwise; a distributed database never has one."""
        if self.index.is_loading(owner):
            return (INDEX_LOADING,)
        return () if self._database.distributed else (INDEX_TOO_LARGE,)

    async def _read(self, text: str, asked: Lazy[QuestionVectors]) -> Read:
        plain, vectors = Question.of(text), await asked()
        if not vectors.vectors:
            return Read(plain, vectors.degraded)
        words = await self._vectors.of_words([word.text for word in plain.words])
        embedded = {model: EmbeddedQuestion(vector, words.get(model)) for model, vector in vectors.vectors.items()}
        return Read(replace(plain, vectors=embedded), vectors.degraded)

    async def _records(self, ranked: RankedHits) -> list[MemoryRecord]:
        """Return the memories of hits, in their order, without those that have changed by now.

        They have another version. What is kept is as of the look at what changed, which the recall began with.
        """
        query, index, brought = ranked.query, ranked.joined.index, ranked.joined.brought
        found = {hit.row: brought.get(hit.id) or index.spare.records.get(ranked.moves, hit.row) for hit in ranked.hits}
        missing = {hit.id: hit.row for hit in ranked.hits if found[hit.row] is None}
        if missing:
            values = query.owner.key, [*map(UUID, missing)], query.owner.tenant
            rows = await self._database.bound_rows(BoundSql(_CONTENTS, values))
            same = [row for row in rows if row.version == ranked.versions[str(row.id)]]
            fresh = {missing[str(row.id)]: record_of(row) for row in same}
            found |= fresh
            if index.moves == ranked.moves:
                index.spare.records.put(ranked.moves, fresh)
        return [
            replace(record, similarity_score=hit.score, explanation=hit.explanation)
            for hit in ranked.hits
            if (record := found[hit.row]) is not None and query.admits(record)
        ]
