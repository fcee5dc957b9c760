"""What a recall asks of an index as of now, and what its ranking found there."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from observability import notes
from providers.search.admitting import within
from providers.search.explanations import Considered
from providers.search.pending import MOST_COPIED, Joined, PendingEntry, without_pending
from providers.search.questions import Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery


class Asked(Struct, frozen=True):
    """What is ranked by; `admitted` are the ids of the memories that meet the conditions on contents, if any."""

    query: RecallQuery
    question: Question
    ordering: Ordering
    admitted: Sequence[str] | None


class RankedHits(Struct, frozen=True):
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


async def ranked_now(
    index: RecallIndex, asked: Asked, pending: Sequence[PendingEntry], patience: float | None = None
) -> RankedHits | None:
    """Rank over the index as of now, with the pending memories in it unless copying it would take too long.

    None is that of `RecallIndex.read`.
    """
    owner = asked.query.owner
    if pending:
        current = await index.current(owner, patience)
        if current is None:
            return None
        if len(current) <= MOST_COPIED:
            joined = await Joined.of(current, asked.query, pending)
            return replace(_ranked(asked, joined), pending=frozenset(joined.brought))
    return await index.read(owner, patience, lambda current: _ranked(asked, Joined(current, {})))


def _ranked(asked: Asked, joined: Joined) -> RankedHits:
    query, index = asked.query, joined.index
    if joined.brought:
        query = replace(query, without=without_pending(query))
    with notes.timed("score", out_of="refresh"):
        ranked = rank(index, asked.question, asked.ordering, _mask(query, joined, asked.admitted))
    versions = {hit.id: int(index.columns.version[hit.row]) for hit in ranked.hits}
    return RankedHits(query, joined, ranked.hits, versions, index.moves, ranked.considered)


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
