"""Recall by the ranking of this process, over an index that the database brings up to date."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from observability import notes
from providers.answers import Found
from providers.embedders.base import Vector
from providers.native.columns import RECORD, names, record_of
from providers.native.conditions_sql import conditions_sql
from providers.native.database import Database
from providers.native.pending_entries import PendingEntries
from providers.native.vectors import Vectors
from providers.native.wall import within as named
from providers.owners import Owner
from providers.postgres.bound_sql import Binding, BoundSql
from providers.search.admitting import within
from providers.search.explanations import Considered
from providers.search.pending import MOST_COPIED, Joined, PendingEntry, without_pending
from providers.search.questions import EmbeddedQuestion, Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
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
        self._pending = PendingEntries(vectors)

    async def recall(self, query: RecallQuery, vectors: Mapping[str, Vector]) -> Found | None:
        """Return the answers, best first; None while the owner's index loads, or with too many memories for one."""
        with notes.timed("embed"):
            question = await self._question(query.query, vectors)
            pending = await self._pending.of(query.pending) if query.pending else []
        ordering = Ordering.of(query, self._vectors_weight)
        for last in [False] * (_TRIES - 1) + [True]:
            asked = _Asked(query, question, ordering, await self._admitted(query))
            with notes.timed("refresh"):
                ranked = await self._ranked(asked, pending)
            if ranked is None:
                return None
            records = await self._records(ranked)
            if last or len(records) == len(ranked.hits):
                considered = ranked.considered if query.options.explain else None
                return Found(memories=records, considered=considered, pending=ranked.pending)
        raise AssertionError("the last try returns")

    async def _ranked(self, asked: "_Asked", pending: Sequence[PendingEntry]) -> "_Ranked | None":
        """Rank over the index as of now, with the pending memories in it unless copying it would take too long."""
        query = asked.query
        if pending:
            index = await self.index.current(query.owner, _PATIENCE)
            if index is None:
                return None
            if len(index) <= MOST_COPIED:
                joined = await Joined.of(index, query, pending)
                return replace(_ranked(asked, joined), pending=frozenset(joined.brought))
        return await self.index.read(query.owner, _PATIENCE, lambda index: _ranked(asked, Joined(index, {})))

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

    async def _records(self, ranked: "_Ranked") -> list[MemoryRecord]:
        """Return the memories of hits, in their order, without those that have changed by now.

        They have another version, or they met the conditions when these were looked at, and do no more. What is kept
        is as of the look at what changed, which the recall began with.
        """
        query, index, brought = ranked.query, ranked.joined.index, ranked.joined.brought
        found = {hit.row: brought.get(hit.id) or index.kept.get(ranked.moves, hit.row) for hit in ranked.hits}
        missing = {hit.id: hit.row for hit in ranked.hits if found[hit.row] is None}
        if missing:
            values = query.owner.key, [*map(UUID, missing)], query.owner.tenant
            rows = await self._database.bound_rows(BoundSql(_CONTENTS, values))
            same = [row for row in rows if row.version == ranked.versions[str(row.id)]]
            fresh = {missing[str(row.id)]: record_of(row) for row in same}
            found |= fresh
            if index.moves == ranked.moves:
                index.kept.put(ranked.moves, fresh)
        return [
            replace(record, similarity_score=hit.score, explanation=hit.explanation)
            for hit in ranked.hits
            if (record := found[hit.row]) is not None and query.admits(record)
        ]


class _Asked(Struct, frozen=True):
    """What is ranked by; `admitted` are the ids of the memories that meet the conditions on contents, if any."""

    query: RecallQuery
    question: Question
    ordering: Ordering
    admitted: Sequence[str] | None


class _Ranked(Struct, frozen=True):
    """The hits in an index, the versions of their memories by id, and `moves` of the index at that time.

    `query` leaves out no memory whose pending state was ranked, `pending` is that of `Found`.
    """

    query: RecallQuery
    joined: Joined
    hits: Sequence[Hit]
    versions: Mapping[str, int]
    moves: int
    considered: Considered
    pending: frozenset[str] | None = None


def _ranked(asked: _Asked, joined: Joined) -> _Ranked:
    query, index = asked.query, joined.index
    if joined.brought:
        query = replace(query, without=without_pending(query))
    with notes.timed("score", out_of="refresh"):
        ranked = rank(index, asked.question, asked.ordering, _mask(query, joined, asked.admitted))
    versions = {hit.id: int(index.columns.version[hit.row]) for hit in ranked.hits}
    return _Ranked(query, joined, ranked.hits, versions, index.moves, ranked.considered)


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
