"""The feed of one user's memories in the database, by the transactions that changed them.

Transactions do not commit in the order of their numbers. So a page ends before the oldest one that was still under way:
what it tells is in an order in which nothing comes in between any more, and a position in it is one row. A transaction
that stays open, whatever it does in this server, holds the feed up for as long.

The epoch is that of `providers/native/changes.py`.
"""

from hashlib import blake2b
from typing import Any

from sqlalchemy import Row

from providers.errors import FeedLost, Unsupported
from providers.feed import ANOTHER_HISTORY, FeedChange, FeedPage, FeedPosition, FeedQuery, check_feed, feed_page
from providers.native.changes import STORE
from providers.native.columns import STATE, names, snapshot_of
from providers.native.database import Database
from providers.native.wall import within
from providers.postgres.bound_sql import BoundSql
from providers.timing.turns import in_turns

_EPOCH_BYTES = 12  # in a cursor, of the name of an epoch, which is long

# The tenant is named where the table is scanned, as there. `changed` has an index with the user's id before it.
_PAGE = f"""
    WITH {STORE}, behind AS MATERIALIZED (
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


async def feed(database: Database, query: FeedQuery) -> FeedPage:
    """Return what changed behind a position; see `MemoryStore`."""
    check_feed(query)
    await database.ready()
    if database.distributed:
        raise Unsupported("tell what changed, since each of its nodes counts transactions of its own")
    after = query.after or FeedPosition("", 0)
    # From now on: only the store's own row is read.
    most = 0 if query.now and query.after is None else query.limit + 1
    owner = query.owner
    values = (owner.key, str(after.number), after.memory_id, most, owner.tenant)
    rows = await database.bound_rows(BoundSql(_PAGE, values))
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


def _short(epoch: str) -> str:
    return blake2b(epoch.encode(), digest_size=_EPOCH_BYTES).hexdigest()
