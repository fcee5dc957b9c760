"""What changed of one user's memories, by the transactions that changed them.

Every change stamps its row with the number of its transaction. Transactions do not commit in the order of their
numbers, so a look notes the oldest one that was still under way, and the next look asks from there on: nothing is
missed, without a lock, and what committed in between comes twice.

A position counts only within an epoch. The server's start is a part of it, because no server is put back to an earlier
state, or takes the place of another one, without a start; so are the table itself and the mark of a chain, for what is
restored while the server runs, and up to which version the user was erased, since removed rows tell nobody. Rows that
are still to be removed then are not told of, either.

Very many memories come in pages, each as of its own moment. The position is that before the first page, so that the
next look tells what has changed in between, deletions included; and what is of another history it finds by the epoch.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import numpy as np
from msgspec import Struct
from sqlalchemy import Row

from providers.changes import MOST_BYTES, ChangeCursor, Changes
from providers.native.columns import COLUMNS, Column, names
from providers.native.database import Database
from providers.native.packing import (
    PORTIONS,
    VECTOR_HEAD,
    Portions,
    count_statement,
    ends_statement,
    packed_of,
    page_statement,
    whole_statement,
)
from providers.native.wall import within
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.search.entries import Entry, Vector
from providers.search.packed_memories import PackedMemories
from providers.source import Sourced
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

_LAST = UUID(int=(1 << 128) - 1)  # of all ids
_AT_ONCE = 2  # pages that are read at the same time; with more, few owners would take the whole pool

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


class DatabaseChanges:
    """The database as a recall index asks it, with or without what conditions on contents look at."""

    def __init__(self, database: Database, most_bytes: int, *, by_contents: bool = True) -> None:
        self.changes_since = partial(changes_since, database, most_bytes=most_bytes, by_contents=by_contents)


async def changes_since(
    database: Database,
    owner: Owner,
    cursor: ChangeCursor | None,
    most_bytes: int = MOST_BYTES,
    portions: Portions = PORTIONS,
    *,
    by_contents: bool = True,
) -> Changes | None:
    """Return what changed, as `Replica` says; None if an index of all that is asked for would take more bytes.

    Where that is all there is, and not `by_contents`, memories come without what conditions on contents look at. None
    as well of a database whose nodes each count transactions of their own.
    """
    await database.ready()
    if database.distributed:
        return None
    if cursor is not None:
        rows = await database.bound_rows(BoundSql(_LOOK, (owner.key, str(cursor.position), cursor.epoch, owner.tenant)))
        # A position that went back is another history, whatever the epoch says.
        if rows and rows[0].epoch == cursor.epoch and rows[0].position >= cursor.position:
            return await _changed(rows)
    at_once = min(portions.at_once, most_bytes)
    rows = await database.bound_rows(whole_statement(STORE, owner, at_once, by_contents=by_contents))
    if not rows:
        return None
    [row] = rows
    cursor, order = _cursor(row), _order(row)
    if row.memories * row.each <= at_once:
        packed = await packed_of(row, by_contents=by_contents)
        return Changes(cursor=cursor, order=order, packed=packed, expected=len(packed.version))
    # By itself, and not in the order of pages, where the index alone would not be read: they may be very many.
    [counted] = await database.bound_rows(count_statement(owner, most_bytes))
    if counted.memories * counted.each > most_bytes:
        return None
    most = portions.of_pages(counted.memories, counted.each)
    pages = _Pages(database, owner, row.epoch, by_contents).of(most)
    return Changes(cursor=cursor, order=order, whole=True, pages=pages, expected=counted.memories)


class _Pages(Struct, frozen=True):
    """All memories of an owner in one history of the store, in pages."""

    database: Database
    owner: Owner
    epoch: str
    by_contents: bool

    async def of(self, most: int) -> AsyncGenerator[PackedMemories, None]:
        """Yield as many memories at a time, by their ids, until there are no more of this history.

        The next pages are under way while one is looked at, so that the server works on several processors.
        """
        [found] = await self.database.bound_rows(ends_statement(self.owner, most))
        ranges = pairwise([UUID(int=0), *(found.ends or ()), _LAST])
        under_way = deque[asyncio.Task[PackedMemories | None]]()
        try:
            while True:
                while len(under_way) < _AT_ONCE and (ids := next(ranges, None)) is not None:
                    under_way.append(asyncio.create_task(self._page(*ids), name="page of changes"))
                if not under_way:
                    return
                page = await under_way[0]
                under_way.popleft()
                if page is None:
                    return
                yield page
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _page(self, after: UUID, end: UUID) -> PackedMemories | None:
        """Return the memories in a range of ids, None if they are of another history by now."""
        statement = page_statement(STORE, self.owner, after, end, by_contents=self.by_contents)
        rows = await self.database.bound_rows(statement)
        if not rows or rows[0].epoch != self.epoch:
            return None
        return await packed_of(rows[0], by_contents=self.by_contents)


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


def _vector(packed: bytes) -> Vector:
    return np.frombuffer(packed, ">f2", offset=2 * VECTOR_HEAD).astype(np.float32)
