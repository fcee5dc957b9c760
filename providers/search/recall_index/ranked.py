"""What a recall asks of an index as of now, and what its ranking found there."""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from observability import notes
from providers.search.admitting import Met, mask_of, met_by
from providers.search.explanations import Considered
from providers.search.pending import MOST_COPIED, Joined, PendingEntry, without_pending
from providers.search.questions import Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery


class Asked(Struct, frozen=True):
    """What is ranked by."""

    query: RecallQuery
    question: Question
    ordering: Ordering


class RankedHits(Struct, frozen=True):
    """The hits in an index, the versions of their memories by id, and `moves` of the index at that time.

    `query` leaves out no memory whose pending state was ranked, `pending` is that of `Found`, and `approximate`
    that of `Ranked`.
    """

    query: RecallQuery
    joined: Joined
    hits: Sequence[Hit]
    versions: Mapping[str, int]
    moves: int
    considered: Considered
    approximate: bool
    pending: frozenset[str] | None = None


async def ranked_now(
    index: RecallIndex, asked: Asked, pending: Sequence[PendingEntry], patience: float | None = None
) -> RankedHits | None:
    """Rank over the index as of now, with the pending memories in it unless copying it would take too long.

    None is that of `RecallIndex.read`.
    """
    query = asked.query
    if pending:
        current = await index.current(query.owner, patience)
        if current is None:
            return None
        if len(current) <= MOST_COPIED:
            met = await met_by(current, query)
            joined = await Joined.of(current, query, pending)
            return replace(_ranked(asked, joined, met), pending=frozenset(joined.brought))
    return await index.read(
        query.owner,
        patience,
        lambda current, met: _ranked(asked, Joined(current, {}), met),
        partial(met_by, conditions=query),
        by_contents=query.of_contents,
    )


def _ranked(asked: Asked, joined: Joined, met: Met | None) -> RankedHits:
    query, index = asked.query, joined.index
    if joined.brought:
        query = replace(query, without=without_pending(query))
    with notes.timed("score", out_of="refresh"):
        ranked = rank(index, asked.question, asked.ordering, mask_of(index, query, met))
    held = index.columns.version[[hit.row for hit in ranked.hits]].tolist()
    versions = {hit.id: version for hit, version in zip(ranked.hits, held, strict=True)}
    return RankedHits(query, joined, ranked.hits, versions, index.moves, ranked.considered, ranked.approximate)
