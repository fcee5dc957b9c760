"""A database whose memories have the form to be distributed, in partitions where Citus would have shards.

What Citus does with a statement can be seen there: one that goes to one shard reads one partition, and one that goes to
all shards reads all of them.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from providers.native.distribution.reading import layout_of
from providers.native.distribution.rebuilding import rebuilt
from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.halves import register_halves
from providers.native.terms import register_terms
from tests.support.postgres import connected, create_database

PARTITIONS = 16


async def partitioned_database(server: EmbeddedServer) -> str:
    """Return the dsn of a fresh database with memories in that form; whoever has it drops it."""
    dsn = await create_database(server)
    await rebuild(dsn)
    return dsn


async def rebuild(dsn: str) -> None:
    """Bring the tables of owners in a database into the form, in partitions."""
    async with open_engine(dsn, pool_size=1) as engine:
        async with engine.connect() as connection:
            layout = await layout_of(connection)
        async with connected(dsn) as driver, driver.transaction():
            for table in layout.tables:
                if table.of_owners:
                    for statement in rebuilt(table, partitions=PARTITIONS):
                        await driver.execute(statement)


@asynccontextmanager
async def planning_connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection that binds the values of every statement."""
    async with connected(dsn) as connection:
        await register_halves(connection, "public")
        await register_terms(connection, "public")
        yield connection


async def partitions_read(connection: asyncpg.Connection, sql: str, values: tuple[Any, ...] = ()) -> set[str]:
    """Return the partitions that a statement reads or changes, planned for its values.

    Those with one number hold the same owners, in whatever table: they are one shard.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        rows = await connection.fetch(f"EXPLAIN {sql}", *values)
    return set(re.findall(r"ninai_(?:memories|history)_part_(\d\d)", "\n".join(row[0] for row in rows)))
