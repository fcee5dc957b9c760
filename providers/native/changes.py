"""What changed of one user's memories, by the transactions that changed them.

Every change stamps its row with the number of its transaction. Transactions do not commit in the order of their
numbers, so a look notes the oldest one that was still under way, and the next look asks from there on: nothing is
missed, without a lock, and what committed in between comes twice.

A position counts only within an epoch. The server's start is a part of it, because no server is put back to an earlier
state, or takes the place of another one, without a start; so are the table itself and the mark of a chain, for what is
restored while the server runs.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, cast
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

from providers.changes import MOST_INDEXED, ChangeCursor, Changes
from providers.native.database import Database
from providers.native.wall import within
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.search.entries import Entry, Vector
from providers.timing.turns import in_turns

STORE = """
    store AS MATERIALIZED (
        SELECT concat_ws(
                '/', id, extract(epoch FROM pg_postmaster_start_time()),
                CAST(CAST('ninai_memories' AS regclass) AS oid), mark_journal, mark_epoch
            ) AS epoch,
            CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS position,
            CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS beyond,
            (SELECT count(*) FROM pg_snapshot_xip(pg_current_snapshot())) AS open
        FROM ninai_store
    )
"""

# The tenant is named where the table is scanned, and not where the store joins what was found: see `wall.py`.
_LOOK = f"""
    WITH {STORE}, changed AS MATERIALIZED (
        SELECT id, version, first_version, created_at, content, session, speaker, embedding_model,
            halfvec_send(embedding) AS embedding
        FROM ninai_memories
        WHERE {within("CAST($4 AS text)")} AND (SELECT epoch FROM store) = $3
            AND user_id = $1 AND changed >= CAST(CAST($2 AS text) AS xid8)
    )
    SELECT store.epoch, store.position, store.beyond, store.open, changed.*
    FROM store LEFT JOIN changed ON true
"""  # noqa: S608 - joined from constants

# In one row, because a driver takes ten times as long for as many rows. All aggregates meet the rows in one order.
_LIVING = f"{within('CAST($3 AS text)')} AND user_id = $1 AND deleted_at IS NULL"
_WHOLE = f"""
    WITH {STORE}, counted AS MATERIALIZED (
        SELECT count(*) AS memories FROM (
            SELECT FROM ninai_memories WHERE {_LIVING} LIMIT CAST($2 AS int) + 1
        ) AS found
    ), memories AS (
        SELECT id, version, first_version, created_at, content, session, speaker, embedding_model, embedding
        FROM ninai_memories WHERE {_LIVING} AND (SELECT memories FROM counted) <= CAST($2 AS int)
    )
    SELECT store.epoch, store.position, store.beyond, store.open, counted.memories, packed.*
    FROM store CROSS JOIN counted CROSS JOIN (
        SELECT string_agg(uuid_send(id), '') AS ids,
            string_agg(int8send(version), '') AS versions,
            string_agg(int8send(first_version), '') AS first_versions,
            string_agg(int8send(CAST(extract(epoch FROM created_at) * 1000000 AS bigint)), '') AS moments,
            string_agg(int4send(octet_length(content)), '') AS lengths,
            string_agg(convert_to(content, 'UTF8'), '') AS contents,
            array_agg(session) AS sessions,
            array_agg(speaker) AS speakers,
            array_agg(embedding_model) AS models,
            string_agg(halfvec_send(embedding), '') AS embeddings
        FROM memories
    ) AS packed
"""  # noqa: S608 - joined from constants

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = 2  # numbers of 16 bits before those of a vector: its dimensions, and nothing


async def changes_since(
    database: Database, owner: Owner, cursor: ChangeCursor | None, most: int = MOST_INDEXED
) -> Changes | None:
    """Return what changed, as `Replica` says; None if all of it is asked for, and there are more than `most`."""
    if cursor is not None:
        rows = await database.bound_rows(BoundSql(_LOOK, (owner.key, str(cursor.position), cursor.epoch, owner.tenant)))
        # A position that went back is another history, whatever the epoch says.
        if rows and rows[0].epoch == cursor.epoch and rows[0].position >= cursor.position:
            return await _changed(rows)
    rows = await database.bound_rows(BoundSql(_WHOLE, (owner.key, most, owner.tenant)))
    if not rows or rows[0].memories > most:
        return None
    memories = await in_turns(lambda one: one, _unpacked(rows[0]))
    return Changes(cursor=_cursor(rows[0]), order=_order(rows[0]), memories=memories, whole=True)


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
    vectors = {} if row.embedding is None else {row.embedding_model: _vector(row.embedding, 0)}
    return Entry(
        id=str(row.id),
        version=row.version,
        created_at=row.created_at,
        content=row.content,
        first_version=row.first_version,
        vectors=vectors,
        session=row.session,
        speaker=row.speaker,
    )


def _unpacked(row: Row[Any]) -> Iterator[Entry]:
    """Yield the memories of a packed row, in the order of their creation."""
    if row.ids is None:
        return
    versions, first_versions, moments = (
        _integers(packed, ">i8") for packed in (row.versions, row.first_versions, row.moments)
    )
    ends = [0, *accumulate(_integers(row.lengths, ">i4").tolist())]
    vectors = _places(row.models, row.embeddings)
    contents = [row.contents[start:end] for start, end in pairwise(ends)]
    for place in np.lexsort((first_versions, moments)).tolist():
        model = row.models[place]
        yield Entry(
            id=str(UUID(bytes=row.ids[16 * place : 16 * place + 16])),
            version=int(versions[place]),
            created_at=_EPOCH + timedelta(microseconds=int(moments[place])),
            content=contents[place].decode(),
            first_version=int(first_versions[place]),
            session=row.sessions[place],
            speaker=row.speakers[place],
            vectors={} if model is None else {model: _vector(row.embeddings, vectors[place])},
        )


def _integers(packed: bytes, kind: str) -> NDArray[np.int64]:
    return np.frombuffer(packed, kind).astype(np.int64)


def _places(models: Sequence[str | None], packed: bytes | None) -> list[int]:
    """Return where the vector of each memory begins; a vector begins with its dimensions."""
    places, at = [], 0
    for model in models:
        places.append(at)
        if model is not None:
            dims = int.from_bytes(cast("bytes", packed)[at : at + 2])
            at += 2 * (_HEAD + dims)
    return places


def _vector(packed: bytes, at: int) -> Vector:
    dims = int.from_bytes(packed[at : at + 2])
    return np.frombuffer(packed, ">f2", dims, at + 2 * _HEAD).astype(np.float32)
