"""The health of the native provider: a query that needs the connection and the schema, and the number of memories.

Where memories lie on several nodes, one that is down must not make the others look ill: the query is about what is
local, and there is a number only where all nodes have told theirs, and it is not too large to be counted.
"""

import asyncio
from time import perf_counter

from providers.errors import ProviderError
from providers.health import Health
from providers.native import statements
from providers.native.database import Database

# Up to here memories are counted one by one; beyond, the total is the planner's estimate.
COUNTED_EXACTLY = 10_000

_COUNT_SECONDS = 1.0  # for the answers of all nodes


class PostgresHealth(Health, frozen=True, kw_only=True, omit_defaults=True):
    """The health of the native provider.

    `total_memories` is exact up to 10,000 and an estimate beyond, and then `total_is_estimate` is true.
    `write_error` is why the last write failed for want of room, while reads are answered.
    """

    database_connection: str
    pgvector_available: bool
    total_memories: int | None = None
    total_is_estimate: bool = False
    write_error: str | None = None

    @property
    def details(self) -> list[str]:
        """See `Health`."""
        if self.total_memories is None:
            return [*super().details, "memories: not counted"]
        about = "about " if self.total_is_estimate else ""
        return [*super().details, f"memories: {about}{self.total_memories}"]


async def health_of(database: Database, provider: str) -> PostgresHealth:
    """Count the memories; an error is part of the health."""
    started = perf_counter()
    try:
        await database.rows(statements.PRESENT)
        total, estimated = await (_counted_everywhere(database) if database.distributed else _counted(database))
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
        write_error=database.write_error,
    )


async def _counted(database: Database) -> tuple[int, bool]:
    """Return how many memories there are, and whether that is an estimate."""
    [row] = await database.rows(statements.COUNT_UP_TO, {"bound": COUNTED_EXACTLY + 1})
    total = int(row.total)
    if total <= COUNTED_EXACTLY:
        return total, False
    [row] = await database.rows(statements.ESTIMATE)
    return max(total, int(row.total)), True


async def _counted_everywhere(database: Database) -> tuple[int | None, bool]:
    """Return how many memories all nodes have; None if one does not tell, or if they are too many to be counted.

    The planner's estimates are those of each node for its own part, so that there is none for all.
    """
    try:
        async with asyncio.timeout(_COUNT_SECONDS):
            [row] = await database.rows(statements.COUNT_UP_TO, {"bound": COUNTED_EXACTLY + 1})
    except (ProviderError, TimeoutError):
        return None, False
    return (int(row.total), False) if row.total <= COUNTED_EXACTLY else (None, False)
