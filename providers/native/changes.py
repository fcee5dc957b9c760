"""What changed of one user's memories, by the transactions that changed them.

Every change stamps its row with the number of its transaction. Transactions do not commit in the order of their
numbers, so a look notes the oldest one that was still under way, and the next look asks from there on: nothing is
missed, without a lock, and what committed in between comes twice.

A position counts only within an epoch. The server's start is a part of it, because no server is put back to an earlier
state, or takes the place of another one, without a start; so are the table itself and the mark of a chain, for what is
restored while the server runs, and up to which version the user was erased, since removed rows tell nobody. Rows that
are still to be removed then are not told of, either.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

from providers.changes import MOST_BYTES, ChangeCursor, Changes
from providers.native.columns import COLUMNS, Column, names
from providers.native.database import Database
from providers.native.wall import within
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.search.columns import NEVER
from providers.search.entries import Entry, Vector
from providers.search.packed_memories import PackedMemories, PackedVectors
from providers.search.stored_analysis import stored_analysis
from providers.search.traits import NO_MOMENT
from providers.source import Sourced
from providers.text.analyzer import ANALYZER_VERSION
from providers.timing.turns import in_turns

STORE = """
    store AS MATERIALIZED (
        SELECT concat_ws(
                '/', id, extract(epoch FROM pg_postmaster_start_time()),
                CAST(CAST('ninai_memories' AS regclass) AS oid), mark_journal, mark_epoch,
                nullif(erased, 0)
            ) AS epoch,
            coalesce(nullif(erased, 0), -1) AS erased,
            CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS position,
            CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS beyond,
            (SELECT count(*) FROM pg_snapshot_xip(pg_current_snapshot())) AS open
        FROM ninai_store, ninai_erased_up_to($1) AS erased
    )
"""

_NAMED = [column for column in COLUMNS if column.name in Sourced.__struct_fields__]  # labels, key and source

# The tenant is named where the table is scanned, and not where the store joins what was found: see `wall.py`.
_LOOK = f"""
    WITH {STORE}, changed AS MATERIALIZED (
        SELECT id, version, first_version, created_at, expires_at, content, {names(_NAMED)}, embedding_model,
            halfvec_send(embedding) AS embedding, former_model, halfvec_send(former_embedding) AS former_embedding,
            CAST(metadata AS text) AS metadata
        FROM ninai_memories
        WHERE {within("CAST($4 AS text)")} AND (SELECT epoch FROM store) = $3
            AND user_id = $1 AND changed >= CAST(CAST($2 AS text) AS xid8)
            AND (deleted_at IS NOT NULL OR version > (SELECT erased FROM store))
    )
    SELECT store.epoch, store.position, store.beyond, store.open, changed.*
    FROM store LEFT JOIN changed ON true
"""  # noqa: S608 - joined from constants

# About what an index takes of a memory beside its vector, which has two bytes a dimension there.
_BYTES = 450

# In one row, because a driver takes ten times as long for as many rows. All aggregates meet the rows in one order. The
# texts come only where they have to be analyzed.
_LIVING = f"{within('CAST($3 AS text)')} AND user_id = $1 AND deleted_at IS NULL"
_WHOLE = f"""
    WITH {STORE}, counted AS MATERIALIZED (
        SELECT count(*) * ({_BYTES} + 2 * coalesce((
            SELECT vector_dims(embedding) FROM ninai_memories WHERE {_LIVING} AND embedding IS NOT NULL LIMIT 1
        ), 0)) <= CAST($2 AS bigint) AS fits
        FROM (
            SELECT FROM ninai_memories WHERE {_LIVING} LIMIT CAST($2 AS bigint) / {_BYTES} + 1
        ) AS found
    )
    SELECT store.epoch, store.position, store.beyond, store.open, counted.fits, packed.*
    FROM store CROSS JOIN counted CROSS JOIN (
        SELECT string_agg(uuid_send(id), '') AS ids,
            string_agg(int8send(version), '') AS versions,
            string_agg(int8send(first_version), '') AS first_versions,
            string_agg(timestamptz_send(created_at), '') AS moments,
            string_agg(timestamptz_send(coalesce(expires_at, 'infinity')), '') AS expiries,
            string_agg(int4send(coalesce(octet_length(usable), 0)), '') AS lengths,
            string_agg(usable, '') AS analyses,
            array_agg(content) FILTER (WHERE usable IS NULL) AS contents,
            array_agg(speaker) FILTER (WHERE usable IS NULL) AS speakers,
            array_agg(session) AS sessions, array_agg(agent) AS agents, array_agg(app) AS apps,
            array_agg(speaker) AS all_speakers, array_agg(key) AS memory_keys,
            array_agg(source ->> 'origin') AS origins, array_agg(source ->> 'caller') AS callers,
            array_agg(source ->> 'key') AS source_keys,
            string_agg(timestamptz_send(coalesce(CAST(source ->> 'at' AS timestamptz), '-infinity')), '') AS written,
            string_agg(int4send(coalesce(octet_length(CAST(metadata AS text)), 0)), '') AS metadata_lengths,
            string_agg(convert_to(CAST(metadata AS text), 'UTF8'), '') AS metadata,
            array_agg(embedding_model) AS models,
            string_agg(halfvec_send(embedding), '') AS embeddings,
            CASE WHEN count(former_model) > 0 THEN array_agg(former_model) END AS former_models,
            string_agg(halfvec_send(former_embedding), '') AS former_embeddings
        FROM (
            SELECT *, CASE WHEN get_byte(analysis, 0) = {ANALYZER_VERSION} THEN analysis END AS usable
            FROM ninai_memories
            WHERE {_LIVING} AND (SELECT fits FROM counted) AND version > (SELECT erased FROM store)
        ) AS memories  -- no CTE, which would be written to disk before it is read
    ) AS packed
"""  # noqa: S608 - joined from constants

_YEAR_2000 = 946_684_800_000_000  # from which PostgreSQL counts microseconds, in those since 1970
_HEAD = 2  # numbers of 16 bits before those of a vector: its dimensions, and nothing
_CHUNK = 4_096  # vectors that are widened at a time


class DatabaseChanges:
    """The database as a recall index asks it."""

    def __init__(self, database: Database, most_bytes: int) -> None:
        self.changes_since = partial(changes_since, database, most_bytes=most_bytes)


async def changes_since(
    database: Database, owner: Owner, cursor: ChangeCursor | None, most_bytes: int = MOST_BYTES
) -> Changes | None:
    """Return what changed, as `Replica` says; None if an index of all that is asked for would take more bytes.

    None as well of a database whose nodes each count transactions of their own.
    """
    await database.ready()
    if database.distributed:
        return None
    if cursor is not None:
        rows = await database.bound_rows(BoundSql(_LOOK, (owner.key, str(cursor.position), cursor.epoch, owner.tenant)))
        # A position that went back is another history, whatever the epoch says.
        if rows and rows[0].epoch == cursor.epoch and rows[0].position >= cursor.position:
            return await _changed(rows)
    rows = await database.bound_rows(BoundSql(_WHOLE, (owner.key, most_bytes, owner.tenant)))
    if not rows or not rows[0].fits:
        return None
    return Changes(cursor=_cursor(rows[0]), order=_order(rows[0]), packed=await _packed(rows[0]))


async def _changed(rows: Sequence[Row[Any]]) -> Changes:
    there = [row for row in rows if row.id is not None]
    return Changes(
        cursor=_cursor(rows[0]),
        order=_order(rows[0]),
        memories=await in_turns(_entry, [row for row in there if row.content is not None]),
        gone=[str(row.id) for row in there if row.content is None],
    )


def _cursor(row: Row[Any]) -> ChangeCursor:
    return ChangeCursor(row.epoch, row.position)


def _order(row: Row[Any]) -> tuple[int, ...]:
    """Return what grows with each snapshot: the next transaction, and of one next one, how few are still under way."""
    return row.beyond, -row.open


def _entry(row: Row[Any]) -> Entry:
    packed = (row.embedding_model, row.embedding), (row.former_model, row.former_embedding)
    vectors = {model: _vector(vector) for model, vector in packed if vector is not None}
    return Entry(
        id=str(row.id),
        version=row.version,
        created_at=row.created_at,
        expires_at=row.expires_at,
        content=row.content,
        first_version=row.first_version,
        vectors=vectors,
        metadata=(row.metadata or "").encode(),
        **{column.name: _read(column, row) for column in _NAMED},
    )


def _read(column: Column, row: Row[Any]) -> Any:  # noqa: ANN401 - whatever the column holds
    value = getattr(row, column.name)
    return value if column.read is None else column.read(value)


async def _packed(row: Row[Any]) -> PackedMemories:
    lengths, expiries = _integers(row.lengths, ">i4"), _integers(row.expiries, ">i8")
    written = _integers(row.written, ">i8")
    analyses = row.analyses or b""
    if row.contents is not None:
        texts = zip(row.contents, row.speakers, strict=True)
        fresh = iter(await in_turns(lambda text: stored_analysis(*text), texts))
        ends = np.cumsum(lengths).tolist()
        pieces = [analyses[start:end] or next(fresh) for start, end in pairwise([0, *ends])]
        analyses, lengths = b"".join(pieces), np.fromiter(map(len, pieces), np.int64, len(pieces))
    return PackedMemories(
        ids=row.ids or b"",
        version=_integers(row.versions, ">i8"),
        first_version=_integers(row.first_versions, ">i8"),
        created=_integers(row.moments, ">i8") + _YEAR_2000,
        expires=np.where(expiries == NEVER, NEVER, expiries + _YEAR_2000),
        analyses=analyses,
        lengths=lengths,
        sessions=row.sessions or (),
        metadata=row.metadata or b"",
        metadata_lengths=_integers(row.metadata_lengths, ">i4"),
        keys=row.memory_keys or (),
        traits=_traits(row),
        written=np.where(written == NO_MOMENT, NO_MOMENT, written + _YEAR_2000),
        vectors=_vectors(
            (row.models or (), row.embeddings or b""), (row.former_models or (), row.former_embeddings or b"")
        ),
    )


def _traits(row: Row[Any]) -> Iterator[tuple[str | None, ...]]:
    """Yield the fields of `Traits` of each memory."""
    columns = row.sessions, row.agents, row.apps, row.all_speakers, row.origins, row.callers, row.source_keys
    return zip(*(column or () for column in columns), strict=True)


def _integers(packed: bytes | None, kind: str) -> NDArray[np.int64]:
    return np.frombuffer(packed or b"", kind).astype(np.int64)


def _vectors(*of_columns: tuple[Sequence[str | None], bytes]) -> Iterator[PackedVectors]:
    """Yield the vectors of memories in few arrays, each of one model and one number of dimensions.

    Each column has the model of every memory, None where it has no vector, and the vectors one after the other.
    """
    numbers = np.frombuffer(b"".join(packed for _, packed in of_columns), ">u2")
    alike = defaultdict[tuple[str, int], list[tuple[int, int]]](list)  # to the memory, and where its vector begins
    start = 0
    for models, _ in of_columns:
        for place, model in enumerate(models):
            if model is not None:
                dims = int(numbers[start])
                alike[model, dims].append((place, start + _HEAD))
                start += _HEAD + dims
    for (model, dims), found in alike.items():
        # While an embedder is exchanged, those of one model come from two columns.
        places, starts = np.array(sorted(found), np.int64).T
        whole = bool((np.diff(starts) == _HEAD + dims).all())  # nothing else lies in between
        for first in range(0, len(places), _CHUNK):
            some = starts[first : first + _CHUNK]
            if whole:
                side_by_side = numbers[some[0] - _HEAD : some[-1] + dims].reshape(-1, _HEAD + dims)[:, _HEAD:]
            else:
                side_by_side = numbers[some[:, None] + np.arange(dims)]
            halves = side_by_side.astype(np.uint16).view(np.float16)
            yield PackedVectors(model, places[first : first + _CHUNK], halves.astype(np.float32))


def _vector(packed: bytes) -> Vector:
    return np.frombuffer(packed, ">f2", offset=2 * _HEAD).astype(np.float32)
