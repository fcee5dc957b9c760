"""Recall by the ranking of this process, over an index that the database brings up to date."""

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from providers.embedders.base import Vector
from providers.native.columns import RECORD, names, record_of
from providers.native.conditions_sql import conditions_sql
from providers.native.database import Database
from providers.native.vectors import Vectors
from providers.native.wall import within as named
from providers.owners import Owner
from providers.postgres.bound_sql import Binding, BoundSql
from providers.search.admitting import within
from providers.search.questions import EmbeddedQuestion, Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
from providers.search.user_index import UserIndex
from providers.timing.turns import in_turns
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

_ADMITTED = f"""
    SELECT id FROM ninai_memories
    WHERE {named("CAST($2 AS text)")} AND user_id = $1 AND deleted_at IS NULL AND {{eligible}}
"""  # noqa: S608 - joined from constants; every value is bound


class RankedRecall:
    """Rank in this process; the database tells what changed, which memories meet conditions, and their contents."""

    def __init__(self, database: Database, vectors: Vectors, vectors_weight: float, index: RecallIndex) -> None:
        self._database, self._vectors, self._vectors_weight, self.index = database, vectors, vectors_weight, index

    async def recall(self, query: RecallQuery, vectors: Mapping[str, Vector]) -> list[MemoryRecord] | None:
        """Return the answers, best first; None while the owner's index loads, or with too many memories for one."""
        question = await self._question(query.query, vectors)
        ordering = Ordering(limit=query.limit, min_score=query.min_score, vectors_weight=self._vectors_weight)
        for last in [False] * (_TRIES - 1) + [True]:
            admitted = await self._admitted(query)
            rank = partial(_ranked, query=query, question=question, ordering=ordering, admitted=admitted)
            ranked = await self.index.read(query.owner, _PATIENCE, rank)
            if ranked is None:
                return None
            records = await self._records(query, ranked)
            if last or len(records) == len(ranked.hits):
                return records
        raise AssertionError("the last try returns")

    def is_loading(self, owner: Owner) -> bool:
        """Return whether the owner's index loads, so that it may order otherwise than the database does now."""
        return self.index.is_loading(owner)

    async def _question(self, text: str, vectors: Mapping[str, Vector]) -> Question:
        plain = Question.of(text)
        if not vectors:
            return plain
        words = await self._vectors.of_words([word.text for word in plain.words])
        return replace(
            plain,
            vectors={model: EmbeddedQuestion(vector, words.get(model)) for model, vector in vectors.items()},
        )

    async def _admitted(self, query: RecallQuery) -> list[str] | None:
        """Return the ids of the memories that meet the conditions; None if none is about metadata or labels."""
        if not query.of_contents:
            return None
        binding = Binding((query.owner.key, query.owner.tenant))
        eligible = " AND ".join(conditions_sql(query, binding.bind))
        rows = await self._database.bound_rows(binding.of(_ADMITTED.format(eligible=eligible)))
        return await in_turns(lambda row: str(row.id), rows)

    async def _records(self, query: RecallQuery, ranked: "_Ranked") -> list[MemoryRecord]:
        """Return the memories of hits, in their order, without those that have changed by now.

        They have another version, or they met the conditions when these were looked at, and do no more. What is kept
        is as of the look at what changed, which the recall began with.
        """
        kept = ranked.index.kept
        found = {hit.row: kept.get(ranked.moves, hit.row, hit.score) for hit in ranked.hits}
        missing = {hit.id: hit for hit in ranked.hits if found[hit.row] is None}
        if missing:
            values = query.owner.key, [*map(UUID, missing)], query.owner.tenant
            rows = await self._database.bound_rows(BoundSql(_CONTENTS, values))
            same = [row for row in rows if row.version == ranked.versions[str(row.id)]]
            fresh = {missing[str(row.id)].row: record_of(row, missing[str(row.id)].score) for row in same}
            found |= fresh
            if ranked.index.moves == ranked.moves:
                kept.put(ranked.moves, fresh)
        return [record for record in found.values() if record is not None and query.admits(record)]


class _Ranked(Struct, frozen=True):
    """The hits in an index, the versions of their memories by id, and `moves` of the index at that time."""

    index: UserIndex
    hits: Sequence[Hit]
    versions: Mapping[str, int]
    moves: int


def _ranked(
    index: UserIndex, query: RecallQuery, question: Question, ordering: Ordering, admitted: Sequence[str] | None
) -> _Ranked:
    hits = rank(index, question, ordering, _mask(index, query, admitted)).hits
    versions = {hit.id: int(index.columns.version[hit.row]) for hit in hits}
    return _Ranked(index, hits, versions, index.moves)


def _mask(index: UserIndex, query: RecallQuery, admitted: Sequence[str] | None) -> NDArray[np.bool_] | None:
    if not query.conditional:
        return None
    mask = within(index, query)
    if admitted is None:
        return mask
    met = np.zeros(len(mask), np.bool_)
    met[[row for row in map(index.row_of, admitted) if row is not None]] = True
    return mask & met
