"""All that one recall ranks of a user's memories, where none of it is kept: in one statement, without what filters."""

from providers.native.database import Database
from providers.native.packing import RANKED, USABLE, ranked_of
from providers.native.wall import within
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.search.packed_memories import PackedMemories

MOST = 2_000  # memories; more than that take long to read, for one recall alone

# One more than there may be are read, which takes less time than to count them first.
_READ = f"""
    SELECT {RANKED}
    FROM (
        SELECT *, {USABLE} FROM ninai_memories
        WHERE {within("CAST($2 AS text)")} AND user_id = $1 AND deleted_at IS NULL
            AND version > (SELECT coalesce(nullif(erased, 0), -1) FROM ninai_erased_up_to($1) AS erased)
        LIMIT CAST($3 AS bigint) + 1
    ) AS memories
    HAVING count(*) <= CAST($3 AS bigint)
"""  # noqa: S608 - joined from constants


async def read_once(database: Database, owner: Owner, most: int = MOST) -> PackedMemories | None:
    """Return all memories of an owner as of now, as if they had neither metadata nor keys, traits or sources.

    None if there are more than `most`, and of a database whose nodes each count transactions of their own.
    """
    await database.ready()
    if database.distributed:
        return None
    rows = await database.bound_rows(BoundSql(_READ, (owner.key, owner.tenant, most), in_page_order=True))
    return await ranked_of(rows[0]) if rows else None
