"""Statements run by the driver itself: SQLAlchemy takes longer for a short one than the database does."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import asyncpg
from sqlalchemy import Row, TextClause
from sqlalchemy.dialects.postgresql import asyncpg as sqlalchemy_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from observability import tracing
from providers.postgres.bound_sql import BoundSql
from providers.postgres.lending import IdleConnection
from providers.postgres.tracing import VALUES_BOUND
from providers.postgres.translate import PossibleWrites, raise_meaning

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_MOST_STATEMENTS = 512  # that are kept in the driver's form


class _Named(asyncpg.Record):  # type: ignore[misc] # asyncpg has no types
    """A row that is read by name and by place, as SQLAlchemy's is."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the column holds
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


async def fetched(connection: AsyncConnection, statement: BoundSql, writes: PossibleWrites) -> Sequence[Row[Any]]:
    """Return the rows of a statement, from the connection that SQLAlchemy's pool has lent.

    A traced task has SQLAlchemy run it, which makes the span.

    Raises:
        ProviderError: what the driver's error means; see `translated`.
    """
    if tracing.current.get().recorded or connection.sync_connection is None:
        return (await connection.exec_driver_sql(statement.text, statement.values, VALUES_BOUND)).all()
    return await fetched_by(connection.sync_connection.connection, statement, writes)


async def fetched_by(
    lent: PoolProxiedConnection | IdleConnection, statement: BoundSql, writes: PossibleWrites
) -> Sequence[Row[Any]]:
    """Return the rows of a statement as `fetched` does, from a connection of the driver that the pool has lent."""
    try:
        rows = await _rows(cast("Any", lent.driver_connection), statement)
    except asyncpg.PostgresError as error:
        raise_meaning(error, error, writes)
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        await greenlet_spawn(lent.invalidate)
        raise_meaning(error, error, writes)
    except BaseException:  # cancelled: what the connection answers next would be this statement's
        await greenlet_spawn(lent.invalidate)
        raise
    return cast("Sequence[Row[Any]]", rows)


async def _rows(driver: Any, statement: BoundSql) -> Any:  # noqa: ANN401 - asyncpg has no types
    if not statement.settings:
        return await driver.fetch(statement.text, *statement.values, record_class=_Named)
    # In a transaction, so that the settings end with it, whoever gets the connection then.
    await driver.execute("; ".join((_BEGIN, *statement.settings)))
    try:
        rows = await driver.fetch(statement.text, *statement.values, record_class=_Named)
    except asyncpg.PostgresError:
        await driver.execute("ROLLBACK")
        raise
    await driver.execute("COMMIT")
    return rows


def bound(statement: TextClause, values: Mapping[str, Any]) -> BoundSql:
    """Return a statement with named values in the driver's form."""
    text, names = _driver_form(statement)
    return BoundSql(text, tuple(values[name] for name in names))


@lru_cache(maxsize=_MOST_STATEMENTS)
def _driver_form(statement: TextClause) -> tuple[str, tuple[str, ...]]:
    """Return the text with $1, $2, ... for its values, and their names in that order."""
    compiled = statement.compile(dialect=sqlalchemy_asyncpg.dialect())  # type: ignore[no-untyped-call] # SQLAlchemy leaves it so
    return str(compiled), tuple(compiled.positiontup or ())
