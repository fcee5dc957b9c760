"""DatabaseFacts about a PostgreSQL database, by statements that only read."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from app.doctor.examination import CHECK_SECONDS
from observability.secret import Secret
from providers.postgres.engine import open_pool
from providers.postgres.translate import PossibleWrites, TimeLimit, translated

_SAMPLE = 1_000  # memories whose vectors are looked at
_SAMPLE_OF_VERSIONS = 100_000  # no index has them, and a check must not read a table of any size

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
_OTHER_DIMENSIONS = """
    SELECT embedding_dims, count(*) FROM (
        SELECT embedding_dims FROM ninai_memories WHERE deleted_at IS NULL AND embedding_model = $1 LIMIT $2
    ) AS sample
    WHERE embedding_dims <> $3 GROUP BY 1 ORDER BY 2 DESC
"""
_NEWEST_VERSION = "SELECT coalesce(max(version), 0) FROM (SELECT version FROM ninai_memories LIMIT $1) AS sample"
_WANTED_MODEL = "SELECT embedding_model FROM ninai_store"
_JOURNAL_EXISTS = "SELECT to_regclass('ninai_journal') IS NOT NULL"


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
    """A database, and whether there is a transaction pooler on the way; all that is asked raises `Unavailable`."""

    dsn: Secret
    through_pooler: bool = False

    async def facts(self) -> DatabaseFacts:
        """Look around."""
        [[version, number, read_only, pgvector, offered]] = await self._rows(_FACTS)
        return DatabaseFacts(
            version=version,
            version_number=number,
            read_only=read_only,
            pgvector=pgvector,
            pgvector_offered=offered,
        )

    async def invalid_indexes(self) -> list[str]:
        """Name the indexes of our tables that are not used, because making them was broken off."""
        return [str(name) for [name] in await self._rows(_INVALID)]

    async def count_of_indexes(self) -> int:
        """Count the indexes of our tables."""
        [[count]] = await self._rows(_COUNT_INDEXES)
        return int(count)

    async def other_dimensions(self, model: str, dimensions: int) -> dict[int, int]:
        """Count, in a sample, the memories with a vector of this model that has other dimensions, by dimensions."""
        rows = await self._rows(_OTHER_DIMENSIONS, (model, _SAMPLE, dimensions))
        return {int(stored): int(count) for stored, count in rows}

    async def newest_version(self) -> int:
        """Return the greatest version in a sample of the memories, 0 if there are none."""
        [[version]] = await self._rows(_NEWEST_VERSION, (_SAMPLE_OF_VERSIONS,))
        return int(version)

    async def wanted_models(self) -> list[str]:
        """Return the model that the process which started last embeds with, or nothing if none has said so yet."""
        return [str(model) for [model] in await self._rows(_WANTED_MODEL) if model is not None]

    async def has_journal(self) -> bool:
        """Return whether the journal's tables are there."""
        [[exists]] = await self._rows(_JOURNAL_EXISTS)
        return bool(exists)

    async def skew(self, now: Callable[[], float]) -> Skew:
        """Compare the clocks; `now` gives seconds since 1970."""
        async with (
            open_pool(self.dsn.reveal(), pool_size=1, through_pooler=self.through_pooler) as engine,
            translated(TimeLimit(CHECK_SECONDS), PossibleWrites.NOTHING),
            engine.connect() as connection,
        ):
            # Once in vain: only the second time the statement is prepared, and the way there as short as it can be.
            await connection.exec_driver_sql(_CLOCK)
            before = now()
            theirs = (await connection.exec_driver_sql(_CLOCK)).scalar_one()
            after = now()
        return Skew(seconds=theirs - (before + after) / 2, uncertainty=(after - before) / 2)

    async def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        async with (
            open_pool(self.dsn.reveal(), pool_size=1, through_pooler=self.through_pooler) as engine,
            translated(TimeLimit(CHECK_SECONDS), PossibleWrites.NOTHING),
            engine.connect() as connection,
        ):
            return (await connection.exec_driver_sql(sql, tuple(parameters))).all()
