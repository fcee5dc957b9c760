"""What a recall asks of an index as of now, and what its ranking found there."""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from observability import notes
from providers.search.admitting import Met, mask_of, met_by
from providers.search.explanations import Considered
from providers.search.kept_rankings import KeptRanking, key_of
from providers.search.moments import microseconds
from providers.search.pending import MOST_COPIED, Joined, PendingEntry, without_pending
from providers.search.questions import Hit, Ordering, Question
from providers.search.ranking import rank
from providers.search.recall_index.index import RecallIndex
from providers.search.user_index import UserIndex
from providers.timing.lazy import Lazy
from providers.types import RecallQuery


class Read(Struct, frozen=True):
    """A question as it is ranked by, and why its answers are `degraded` already."""

    question: Question
    degraded: tuple[str, ...] = ()


class Asked(Struct, frozen=True):
    """What is ranked by; the question is read where it was not ranked before."""

    query: RecallQuery
    ordering: Ordering
    read: Lazy[Read]


class RankedHits(Struct, frozen=True):
    """The hits in an index, the versions of their memories by id, and `changes` and `moves` of the index at that time.

    `query` leaves out no memory whose pending state was ranked, `pending` is that of `Found`, `approximate` that of
    `Ranked`, and `degraded` that of `Read`. What was `considered` is not known of a ranking that was kept.
    """

    query: RecallQuery
    joined: Joined
    hits: Sequence[Hit]
    versions: Mapping[str, int]
    changes: int
    moves: int
    considered: Considered | None
    approximate: bool
    degraded: tuple[str, ...] = ()
    pending: frozenset[str] | None = None


async def ranked_now(
    index: RecallIndex, asked: Asked, pending: Sequence[PendingEntry], patience: float | None = None
) -> RankedHits | None:
    """Rank over the index as of now, with the pending memories in it unless copying it would take too long.

    None is that of `RecallIndex.read`.
    """
    query = asked.query
    if pending:
        current = await index.current(query.owner, patience, by_contents=query.of_contents)
        if current is None:
            return None
        if len(current) <= MOST_COPIED:
            read = await _read(asked)
            met = await met_by(current, query)
            joined = await Joined.of(current, query, pending)
            return replace(_ranked(asked, read, joined, met), pending=frozenset(joined.brought))
    key = key_of(query, asked.ordering)
    ranked = await index.read(
        query.owner,
        patience,
        lambda current, prepared: _ranked(asked, prepared[0], Joined(current, {}), prepared[1]),
        partial(_prepared, asked),
        by_contents=query.of_contents,
        known=lambda current: None if key is None else _kept(current, key, query),
    )
    if ranked is not None and key is not None:
        _keep(ranked, key)
    return ranked


async def _prepared(asked: Asked, index: UserIndex) -> tuple[Read, Met | None]:
    return await _read(asked), await met_by(index, asked.query)


async def _read(asked: Asked) -> Read:
    with notes.timed("embed", out_of="refresh"):
        return await asked.read()


def _ranked(asked: Asked, read: Read, joined: Joined, met: Met | None) -> RankedHits:
    query, index = asked.query, joined.index
    if joined.brought:
        query = replace(query, without=without_pending(query))
    with notes.timed("score", out_of="refresh"):
        ranked = rank(index, read.question, asked.ordering, mask_of(index, query, met))
    held = index.columns.version[[hit.row for hit in ranked.hits]].tolist()
    return RankedHits(
        query,
        joined,
        ranked.hits,
        versions={hit.id: version for hit, version in zip(ranked.hits, held, strict=True)},
        changes=index.changes,
        moves=index.moves,
        considered=ranked.considered,
        approximate=ranked.approximate,
        degraded=read.degraded,
    )


def _kept(index: UserIndex, key: bytes, query: RecallQuery) -> RankedHits | None:
    """Return what the same question found in this state of an index, None if that is not kept."""
    kept = None if query.now is None else index.spare.rankings.get(index.changes, key, query.now)
    if kept is None:
        return None
    return RankedHits(
        query,
        Joined(index, {}),
        kept.hits,
        kept.versions,
        changes=index.changes,
        moves=index.moves,
        considered=None,
        approximate=kept.approximate,
    )


def _keep(ranked: RankedHits, key: bytes) -> None:
    """Keep a ranking with all that it asked for, if the index is as it was."""
    index, now = ranked.joined.index, ranked.query.now
    if ranked.considered is None or ranked.degraded or now is None or index.changes != ranked.changes:
        return
    since = microseconds(now)
    kept = KeptRanking(ranked.hits, ranked.versions, ranked.approximate, since=since, until=index.next_expiry(since))
    index.spare.rankings.put(ranked.changes, key, kept)
