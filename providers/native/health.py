"""The health of the native provider: one query that needs the connection, the schema and pgvector."""

from time import perf_counter

from providers.errors import ProviderError
from providers.health import Health
from providers.native import statements
from providers.native.database import Database

# Up to here memories are counted one by one; beyond, the total is the planner's estimate.
COUNTED_EXACTLY = 10_000


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
        about = "about " if self.total_is_estimate else ""
        return [*super().details, f"memories: {about}{self.total_memories or 0}"]


async def health_of(database: Database, provider: str) -> PostgresHealth:
    """Count the memories; an error is part of the health."""
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
        write_error=database.write_error,
    )
