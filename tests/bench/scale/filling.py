"""Fill a database with memories by COPY, partition by partition: each one is there as a whole, or not at all.

What was interrupted goes on with the partitions that are missing. A partition is detached for a while and gets its
indexes after its rows. The server writes no log of what a transaction has made anew (`wal_level = minimal`), so that
the disk holds no row twice.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from time import perf_counter, time
from typing import Any

from msgspec import Struct

from tests.bench.scale.rows import FRESH, Span, chunks, templates
from tests.support.postgres import connected

YEAR_MICROSECONDS = 365 * 24 * 3600 * 10**6
WORK_MEMORY = "1GB"  # for the indexes of one partition

_LOADED = "CREATE TABLE IF NOT EXISTS bench_loaded (partition text PRIMARY KEY, memories bigint, seconds real)"

# The partition in which each user's memories are brought together in the end.
CLUSTERED = "ninai_memories_00"

_PARTITIONS = """
    SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid
    WHERE inhparent = CAST('ninai_memories' AS regclass) ORDER BY c.relname
"""

_OWN = """
    SELECT u FROM unnest(CAST($1 AS text[])) AS u
    WHERE satisfies_hash_partition(CAST('ninai_memories' AS regclass), $2, $3, u)
"""

_CONSTRAINTS = """
    SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE conrelid = CAST($1 AS regclass) AND contype IN ('p', 'u')
"""

_INDEXES = """
    SELECT CAST(indexrelid AS regclass) AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
    WHERE indrelid = CAST($1 AS regclass) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""

_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = CAST('ninai_memories' AS regclass) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        AND attname <> ALL ($1) ORDER BY attnum
"""


class Filled(Struct, frozen=True):
    """What a database holds, and how many seconds each of its partitions took, in this run or an earlier one."""

    memories: int
    seconds: float


def user_of(number: int) -> str:
    """Return the name of a user."""
    return f"user-{number:07}"


async def stored_templates(dsn: str, columns: list[str]) -> list[bytes]:
    """Return what there is of the memories of a database beside their keys, as templates of rows."""
    parts: list[bytes] = []

    async def keep(data: bytes) -> None:
        parts.append(data)

    async with connected(dsn) as connection:
        query = f"SELECT {', '.join(columns)} FROM ninai_memories"  # noqa: S608 - names from the catalog
        await connection.copy_from_query(query, output=keep, format="binary")
    return templates(b"".join(parts))


async def further_columns(dsn: str) -> list[str]:
    """Return the columns that templates have."""
    async with connected(dsn) as connection:
        return [row["attname"] for row in await connection.fetch(_COLUMNS, list(FRESH))]


async def users_in(dsn: str, partition: str, users: int) -> list[int]:
    """Return which of so many users a partition has."""
    async with connected(dsn) as connection:
        partitions = [row["name"] for row in await connection.fetch(_PARTITIONS)]
        everybody = {user_of(number): number for number in range(users)}
        rows = await connection.fetch(_OWN, [*everybody], len(partitions), partitions.index(partition))
        return [everybody[row["u"]] for row in rows]


async def fill(dsn: str, pool: str, users: int, each: int) -> Filled:
    """Give each user so many memories, made of those in the database `pool`; leave out what is there already."""
    columns = await further_columns(dsn)
    stored = await stored_templates(pool, columns)
    async with connected(dsn) as connection:
        await connection.execute(_LOADED)
        done = {row["partition"] for row in await connection.fetch("SELECT partition FROM bench_loaded")}
        everybody = [user_of(number) for number in range(users)]
        partitions = await connection.fetch(_PARTITIONS)
        for remainder, partition in enumerate(partitions):
            if partition["name"] in done:
                continue
            rows = await connection.fetch(_OWN, everybody, len(partitions), remainder)
            own = [row["u"] for row in rows]
            span = Span(int(time() * 1e6) - YEAR_MICROSECONDS, YEAR_MICROSECONDS, max(1, len(own) * each))
            copied = chunks(own, each, stored, span, seed=remainder)
            began = perf_counter()
            async with connection.transaction():
                await _load(connection, partition, [*FRESH, *columns], copied)
                seconds = perf_counter() - began
                await connection.execute(
                    "INSERT INTO bench_loaded VALUES ($1, $2, $3)", partition["name"], len(own) * each, seconds
                )
            print(f"{partition['name']}: {len(own) * each:,} memories in {seconds:.0f} s", flush=True)
        await connection.execute("ANALYZE ninai_memories")
        [total] = await connection.fetch("SELECT sum(memories) AS memories, sum(seconds) AS seconds FROM bench_loaded")
    return Filled(int(total["memories"]), float(total["seconds"]))


async def _load(connection: Any, partition: Any, columns: list[str], copied: Iterator[bytes]) -> None:  # noqa: ANN401 - asyncpg has no types
    name = partition["name"]
    await connection.execute(f"SET LOCAL maintenance_work_mem = '{WORK_MEMORY}'")
    await connection.execute(f"ALTER TABLE ninai_memories DETACH PARTITION {name}")
    constraints = await connection.fetch(_CONSTRAINTS, name)
    indexes = await connection.fetch(_INDEXES, name)
    for one in constraints:
        await connection.execute(f"ALTER TABLE {name} DROP CONSTRAINT {one['name']}")
    for one in indexes:
        await connection.execute(f"DROP INDEX {one['name']}")
    await connection.execute(f"TRUNCATE {name}")
    await connection.copy_to_table(name, source=_stream(copied), columns=columns, format="binary", freeze=True)
    for one in constraints:
        await connection.execute(f"ALTER TABLE {name} ADD CONSTRAINT {one['name']} {one['definition']}")
    for one in indexes:
        await connection.execute(one["definition"])
    await connection.execute(f"ALTER TABLE ninai_memories ATTACH PARTITION {name} {partition['bound']}")


async def _stream(copied: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in copied:
        yield chunk
        await asyncio.sleep(0)
