"""The feed of one user's memories in the database, by the transactions that changed them.

Transactions do not commit in the order of their numbers. So a page ends before the oldest one that was still under way:
what it tells is in an order in which nothing comes in between any more, and a position in it is one row. A transaction
that stays open, whatever it does in this server, holds the feed up for as long.

A cursor outlives a restart of the server, so an epoch here is a history of the data, as `introducing.py` tells them,
and not the start of the server, as in `changes.py`. A failover, a recovery and a copy are other histories. Of an old
copy of the files that was put in the place of newer ones only the mark of a chain tells, or that positions went back:
whoever follows a feed sees that at its next question.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import structlog
from sqlalchemy import Row

from providers.errors import FeedLost, Misconfigured, Unsupported
from providers.feed import ANOTHER_HISTORY, FeedChange, FeedPage, FeedPosition, FeedQuery, check_feed, feed_page
from providers.native.columns import STATE, names, snapshot_of
from providers.native.database import Database
from providers.native.introducing import LINEAGE
from providers.native.wall import within
from providers.postgres.bound_sql import BoundSql
from providers.postgres.translate import UnexpectedSqlState
from providers.timing.turns import in_turns

_EPOCH_BYTES = 12  # in a cursor, of the name of an epoch, which is long

# The tenant is named where the table is scanned, as there. `changed` has an index with the user's id before it.
_PAGE = f"""
    WITH store AS MATERIALIZED (
        SELECT concat_ws(
                '/', id, {{history}}, CAST(CAST('ninai_memories' AS regclass) AS oid), mark_journal, mark_epoch,
                nullif(ninai_erased_up_to($1), 0)
            ) AS epoch,
            CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS position
        FROM ninai_store
    ), behind AS MATERIALIZED (
        SELECT {names(STATE)}, CAST(CAST(changed AS text) AS bigint) AS number
        FROM ninai_memories
        WHERE {within("CAST($5 AS text)")} AND user_id = $1
            AND changed >= CAST(CAST($2 AS text) AS xid8) AND changed < pg_snapshot_xmin(pg_current_snapshot())
            AND (changed > CAST(CAST($2 AS text) AS xid8) OR id > CAST($3 AS uuid))
        ORDER BY changed, id LIMIT CAST($4 AS int)
    )
    SELECT behind.*, store.epoch, store.position FROM store LEFT JOIN behind ON true
    ORDER BY behind.number, behind.id
"""  # noqa: S608 - joined from constants
_BY_LINEAGE = _PAGE.format(history=LINEAGE)
# Where a managed service has taken the functions away, a history is the time between two starts.
_BY_START = _PAGE.format(history="extract(epoch FROM pg_postmaster_start_time())")

_log = structlog.get_logger(__name__)


class DatabaseFeed:
    """The feeds of all users of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statement = _BY_LINEAGE

    async def page(self, query: FeedQuery) -> FeedPage:
        """Return what changed behind a position; see `MemoryStore`."""
        check_feed(query)
        await self._database.ready()
        if self._database.distributed:
            raise Unsupported("tell what changed, since each of its nodes counts transactions of its own")
        after = query.after or FeedPosition("", 0)
        # From now on: only the store's own row is read.
        most = 0 if query.now and query.after is None else query.limit + 1
        owner = query.owner
        rows = await self._rows((owner.key, str(after.number), after.memory_id, most, owner.tenant))
        if not rows:
            raise FeedLost(ANOTHER_HISTORY)  # the name of the database was deleted
        epoch = _short(rows[0].epoch)
        end = FeedPosition(epoch, rows[0].position)
        # A position that went back is another history, whatever the epoch says.
        if query.after is not None and (after.epoch != epoch or after.number > end.number):
            raise FeedLost(ANOTHER_HISTORY)

        def change(row: Row[Any]) -> FeedChange:
            return FeedChange(snapshot_of(row), FeedPosition(epoch, row.number, str(row.id)))

        return await feed_page(query, await in_turns(change, [row for row in rows if row.id is not None]), end)

    async def _rows(self, values: tuple[object, ...]) -> Sequence[Row[Any]]:
        try:
            return await self._database.bound_rows(BoundSql(self._statement, values))
        except (Misconfigured, UnexpectedSqlState) as error:
            if self._statement == _BY_START:
                raise
            rows = await self._database.bound_rows(BoundSql(_BY_START, values))
            _log.info("feed_ends_with_restarts", reason=str(error))
            self._statement = _BY_START
            return rows


def _short(epoch: str) -> str:
    return blake2b(epoch.encode(), digest_size=_EPOCH_BYTES).hexdigest()
