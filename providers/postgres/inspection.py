"""Facts about a PostgreSQL database, by statements that only read."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from observability.secret import Secret
from providers.postgres.engine import open_pool
from providers.postgres.translate import PossibleWrites, TimeLimit, translated

_SECONDS = 10.0  # for one statement

_FACTS = """
    SELECT current_setting('server_version'), CAST(current_setting('server_version_num') AS int),
        current_setting('transaction_read_only') = 'on',
        (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'),
        (SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector')
"""
_INVALID = """
    SELECT indexed.relname FROM pg_catalog.pg_index
    JOIN pg_catalog.pg_class AS indexed ON indexed.oid = indexrelid
    JOIN pg_catalog.pg_class AS of_table ON of_table.oid = indrelid
    WHERE NOT indisvalid AND starts_with(of_table.relname, 'ninai_') AND pg_table_is_visible(of_table.oid)
    ORDER BY 1
"""
_COUNT_INDEXES = """
    SELECT count(*) FROM pg_catalog.pg_index JOIN pg_catalog.pg_class AS of_table ON of_table.oid = indrelid
    WHERE starts_with(of_table.relname, 'ninai_') AND pg_table_is_visible(of_table.oid)
"""
_CLOCK = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)"


class DatabaseFacts(Struct, frozen=True, kw_only=True):
    """What one look finds: the versions of server and pgvector, None where there is none, and of what is offered."""

    version: str
    version_number: int
    read_only: bool
    pgvector: str | None
    pgvector_offered: str | None


class Skew(Struct, frozen=True, kw_only=True):
    """How many seconds a database's clock is ahead of ours, as far as the round trip lets that be known."""

    seconds: float
    uncertainty: float


class Address(Struct, frozen=True, kw_only=True):
    """A database, and whether there is a transaction pooler on the way; every method raises `Unavailable`."""

    dsn: Secret
    through_pooler: bool = False

    async def facts(self) -> DatabaseFacts:
        """Return the versions and settings of server and database."""
        [[version, number, read_only, pgvector, offered]] = await self.rows(_FACTS)
        return DatabaseFacts(
            version=version, version_number=number, read_only=read_only, pgvector=pgvector, pgvector_offered=offered
        )

    async def invalid_indexes(self) -> list[str]:
        """Return the names of the indexes of our tables that are not used, because their creation was interrupted."""
        return [str(name) for [name] in await self.rows(_INVALID)]

    async def count_of_indexes(self) -> int:
        """Count the indexes of our tables."""
        [[count]] = await self.rows(_COUNT_INDEXES)
        return int(count)

    async def skew(self, now: Callable[[], float]) -> Skew:
        """Compare the clocks; `now` returns seconds since 1970."""
        async with (
            open_pool(self.dsn.reveal(), pool_size=1, through_pooler=self.through_pooler) as engine,
            translated(TimeLimit(_SECONDS), PossibleWrites.NOTHING),
            engine.connect() as connection,
        ):
            # Once in vain: only the second time the statement is prepared, and the way there as short as it can be.
            await connection.exec_driver_sql(_CLOCK)
            before = now()
            theirs = (await connection.exec_driver_sql(_CLOCK)).scalar_one()
            after = now()
        return Skew(seconds=theirs - (before + after) / 2, uncertainty=(after - before) / 2)

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """Return the rows of a statement that only reads."""
        async with (
            open_pool(self.dsn.reveal(), pool_size=1, through_pooler=self.through_pooler) as engine,
            translated(TimeLimit(_SECONDS), PossibleWrites.NOTHING),
            engine.connect() as connection,
        ):
            return (await connection.exec_driver_sql(sql, tuple(parameters))).all()
