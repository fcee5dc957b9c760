"""Facts about a PostgreSQL database, by statements that only read."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

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
_CLOCK = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)"

# A statement of its own: one that names a function is refused as a whole if the role may not call it.
_MAY_ASK = "SELECT has_function_privilege(to_regprocedure('pg_catalog.pg_control_system()'), 'EXECUTE')"
_ASK = "SELECT system_identifier FROM pg_catalog.pg_control_system()"


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

    async def skew(self, now: Callable[[], float]) -> Skew:
        """Compare the clocks; `now` returns seconds since 1970."""
        async with _connected(self.dsn.reveal(), _SECONDS, through_pooler=self.through_pooler) as connection:
            # Once in vain: only the second time the statement is prepared, and the way there as short as it can be.
            await connection.exec_driver_sql(_CLOCK)
            before = now()
            theirs = (await connection.exec_driver_sql(_CLOCK)).scalar_one()
            after = now()
        return Skew(seconds=theirs - (before + after) / 2, uncertainty=(after - before) / 2)

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """Return the rows of a statement that only reads."""
        async with _connected(self.dsn.reveal(), _SECONDS, through_pooler=self.through_pooler) as connection:
            return (await connection.exec_driver_sql(sql, tuple(parameters))).all()


async def cluster_of(dsn: str, *, seconds: float = 5.0, through_pooler: bool = False) -> str | None:
    """Return the identifier of the PostgreSQL cluster behind a dsn, None if the server does not disclose it.

    It is generated when the cluster is initialised; a physical standby has that of its primary.
    Two databases of one cluster fail together.

    Raises:
        Unavailable: the server does not answer within `seconds`.
    """
    async with _connected(dsn, seconds, through_pooler=through_pooler) as connection:
        if not (await connection.exec_driver_sql(_MAY_ASK)).scalar_one():
            return None
        return str((await connection.exec_driver_sql(_ASK)).scalar_one())


@asynccontextmanager
async def _connected(dsn: str, seconds: float, *, through_pooler: bool) -> AsyncIterator[AsyncConnection]:
    async with (
        open_pool(dsn, pool_size=1, through_pooler=through_pooler) as engine,
        translated(TimeLimit(seconds), PossibleWrites.NOTHING),
        engine.connect() as connection,
    ):
        yield connection
