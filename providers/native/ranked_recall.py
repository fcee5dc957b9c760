"""Recall by the ranking of this process, over an index that the database brings up to date."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from sqlalchemy import Row

from observability import notes
from providers.answers import Found
from providers.embedders.base import Vector
from providers.native.changes import changes_since
from providers.native.columns import RECORD, names, record_of
from providers.native.conditions_sql import conditions_sql
from providers.native.database import Database
from providers.native.pending_entries import PendingEntries
from providers.native.vectors import Vectors
from providers.native.wall import within as named
from providers.owners import Owner
from providers.postgres.bound_sql import Binding, BoundSql
from providers.search.admitting import within
from providers.search.pending import MOST_COPIED, Joined, without_pending
from providers.search.questions import EmbeddedQuestion, Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import MEGABYTE, RecallIndex
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


class _Source:
    """The database as a recall index asks it."""

    def __init__(self, database: Database) -> None:
        self.changes_since = partial(changes_since, database)


class RankedRecall:
    """Rank in this process; the database tells what changed, which memories meet conditions, and their contents."""

    def __init__(self, database: Database, vectors: Vectors, vectors_weight: float, cache_mb: int) -> None:
        self._database, self._vectors, self._vectors_weight = database, vectors, vectors_weight
        self._pending = PendingEntries(vectors)
        self.index = RecallIndex(_Source(database), cache_mb * MEGABYTE)

    async def recall(self, query: RecallQuery, vectors: Mapping[str, Vector]) -> Found | None:
        """Return the answers, best first; None while the owner's index loads, or with too many memories for one."""
        with notes.timed("embed"):
            question = await self._question(query.query, vectors)
            pending = await self._pending.of(query.pending) if query.pending else []
        for last in [False] * (_TRIES - 1) + [True]:
            admitted = await self._admitted(query)
            with notes.timed("refresh"):
                index = await self.index.current(query.owner, _PATIENCE)
            if index is None:
                return None
            joined = None
            if pending and len(index) <= MOST_COPIED:
                joined = await Joined.of(index, query, pending)
            found, whole = await self._ranked(query, question, joined or Joined(index, {}), admitted)
            if last or whole:
                return found if joined is None else replace(found, pending=frozenset(joined.brought))
        raise AssertionError("the last try returns")

    async def _ranked(
        self, query: RecallQuery, question: Question, joined: Joined, admitted: Sequence[str] | None
    ) -> tuple[Found, bool]:
        """Return the answers, and whether all of them are still what was ranked."""
        if joined.brought:
            query = replace(query, without=without_pending(query))
        index = joined.index
        with notes.timed("score"):
            ranked = rank(index, question, Ordering.of(query, self._vectors_weight), _mask(query, joined, admitted))
        versions = [int(index.columns.version[hit.row]) for hit in ranked.hits]
        records = await self._records(query, ranked.hits, versions, joined.brought)
        found = Found(memories=records, considered=ranked.considered if query.options.explain else None)
        return found, len(records) == len(ranked.hits)

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

    async def _records(
        self,
        query: RecallQuery,
        hits: Sequence[Hit],
        versions: Sequence[int],
        brought: Mapping[str, MemoryRecord],
    ) -> list[MemoryRecord]:
        """Return the memories of hits, in their order, without those that have changed by now.

        They have another version, or they met the conditions when these were looked at, and do no more.
        """
        ids = [UUID(hit.id) for hit in hits if hit.id not in brought]
        rows: Sequence[Row[Any]] = []
        if ids:
            rows = await self._database.bound_rows(BoundSql(_CONTENTS, (query.owner.key, ids, query.owner.tenant)))
        found = {(str(row.id), row.version): row for row in rows}
        records = list[MemoryRecord]()
        for hit, version in zip(hits, versions, strict=True):
            record = brought.get(hit.id)
            if record is None and (hit.id, version) in found:
                record = record_of(found[hit.id, version])
            if record is not None and query.admits(record):
                records.append(replace(record, similarity_score=hit.score, explanation=hit.explanation))
        return records


def _mask(query: RecallQuery, joined: Joined, admitted: Sequence[str] | None) -> NDArray[np.bool_] | None:
    if not (query.conditional or joined.index.mortal):
        return None
    index = joined.index
    mask = within(index, query)
    if admitted is None:
        return mask
    met = np.zeros(len(mask), np.bool_)
    pending = [memory_id for memory_id, record in joined.brought.items() if query.admits(record)]
    stored = [memory_id for memory_id in admitted if memory_id not in joined.brought]
    met[[row for row in map(index.row_of, (*stored, *pending)) if row is not None]] = True
    return mask & met
