"""How the native provider is: one look that takes the connection, the schema and pgvector to answer."""

from time import perf_counter

from providers.errors import ProviderError
from providers.native import statements
from providers.native.database import Database
from providers.types import Health

# Up to here memories are counted one by one; beyond, the planner's estimate is given.
COUNTED_EXACTLY = 10_000


class PostgresHealth(Health, frozen=True, kw_only=True, omit_defaults=True):
    """What the native provider knows about itself.

    `total_memories` is exact up to 10,000 and an estimate beyond, which `total_is_estimate` tells.
    """

    database_connection: str
    pgvector_available: bool
    total_memories: int | None = None
    total_is_estimate: bool = False


async def health_of(database: Database, provider: str) -> PostgresHealth:
    """Count the memories; an error is part of the answer."""
    started = perf_counter()
    try:
        async with database.reading() as connection:
            total = await connection.scalar(statements.COUNT_UP_TO, {"bound": COUNTED_EXACTLY + 1}) or 0
            estimated = total > COUNTED_EXACTLY
            if estimated:
                total = max(total, await connection.scalar(statements.ESTIMATE) or 0)
    except ProviderError as error:
        return PostgresHealth(
            healthy=False,
            provider=provider,
            error=str(error),
            database_connection="unhealthy",
            pgvector_available=False,
        )
    return PostgresHealth(
        healthy=True,
        provider=provider,
        response_time_ms=round((perf_counter() - started) * 1000, 3),
        database_connection="healthy",
        pgvector_available=True,
        total_memories=total,
        total_is_estimate=estimated,
    )
