"""The connection pool: lazy, with pgvector's binary formats, and able to speak through PgBouncer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
from pgvector.asyncpg import register_vector
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from providers.native.settings import NativeSettings

CONNECT_TIMEOUT = 5.0  # seconds

# One user's rows lie in one partition: the generic plan prunes to it at run time, while a custom plan costs more to
# make than to run. Compiling such short queries never pays.
_PLANNER = {"plan_cache_mode": "force_generic_plan", "jit": "off"}


@asynccontextmanager
async def open_engine(dsn: str, settings: NativeSettings) -> AsyncIterator[AsyncEngine]:
    """Hold a pool for as long as the context lasts; the first connection is made by the first query.

    Every statement commits by itself (AUTOCOMMIT), which saves two round trips a call; what needs a transaction asks
    for one.
    """
    connect_args: dict[str, Any] = {"timeout": CONNECT_TIMEOUT}
    if settings.pooler == "pgbouncer":
        # A transaction pooler hands every transaction another server connection: no session settings, no statement
        # prepared earlier, and no two clients using one name.
        connect_args |= {
            "prepared_statement_cache_size": 0,
            "statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__ninai_{uuid4()}__",
        }
    else:
        connect_args["server_settings"] = {"application_name": "ninai", **_PLANNER}
    engine = create_async_engine(
        dsn,
        isolation_level="AUTOCOMMIT",
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.timeout,
        # In AUTOCOMMIT there is nothing to roll back, and the round trip would cost as much as a small query.
        pool_reset_on_return=None,
        hide_parameters=True,  # an error message must not quote memories
        json_deserializer=msgspec.json.decode,
        connect_args=connect_args,
    )
    event.listen(engine.sync_engine, "connect", _use_binary_vectors)
    try:
        yield engine
    finally:
        # A cancelled shutdown must still close the sockets.
        await asyncio.shield(engine.dispose())


def _use_binary_vectors(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.run_async(_register)


async def _register(connection: asyncpg.Connection) -> None:
    # Before the first migration the extension may be absent; whoever migrates renews the pool afterwards.
    schema = await connection.fetchval(
        "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'"
    )
    if schema is not None:
        await register_vector(connection, schema=schema)
