"""The native provider's pool: the common one, with pgvector's binary formats and exact numbers in metadata."""

from contextlib import AbstractAsyncContextManager

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.any_json import decoded
from providers.native.halves import register_halves
from providers.native.terms import register_terms
from providers.postgres.engine import open_pool


def open_engine(dsn: str, *, pool_size: int, through_pooler: bool = False) -> AbstractAsyncContextManager[AsyncEngine]:
    """Hold a pool; the first query makes the first connection."""
    return open_pool(
        dsn, pool_size=pool_size, through_pooler=through_pooler, json_deserializer=decoded, on_connect=_register
    )


async def _register(connection: asyncpg.Connection) -> None:
    # Before the first migration the extension may be absent; the pool is renewed after a migration.
    schema = await connection.fetchval(
        "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector'"
    )
    if schema is not None:
        await register_halves(connection, schema)
        await register_terms(connection, schema)
