"""The shorter way to an idle connection: it shares all that the pool promises, and is closed to what needs more."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from providers.native.database import Database
from providers.native.engine import open_engine
from providers.postgres.bound_sql import BoundSql
from providers.postgres.engine import connections_of, pool_of
from providers.postgres.lending import IdleConnection, LendingPool
from tests.support.following import eventually
from tests.support.postgres import connected

_PID = BoundSql("SELECT pg_backend_pid() AS pid", ())
_SLEEP = BoundSql("SELECT pg_sleep(60)", ())


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """A pool of at most two connections."""
    async with open_engine(database, pool_size=2) as engine:
        yield engine


def pool_in(engine: AsyncEngine) -> LendingPool:
    """Return the pool of an engine."""
    pool = engine.sync_engine.pool
    assert isinstance(pool, LendingPool)
    return pool


async def pid_of(engine: AsyncEngine) -> int:
    """Return which connection is used next."""
    [row] = await Database(engine, 5, migrate=True).bound_rows(_PID)
    pid: int = row.pid
    return pid


def lends(engine: AsyncEngine) -> bool:
    """Return whether there is a connection to borrow."""
    idle = pool_in(engine).lend_idle()
    if idle is not None:
        idle.close()
    return idle is not None


async def pid_in_the_usual_way(engine: AsyncEngine) -> int:
    """Return which connection SQLAlchemy itself uses."""
    async with engine.connect() as connection:
        pid: int = await connection.scalar(text("SELECT pg_backend_pid()"))
        return pid


def lent_by(engine: AsyncEngine) -> IdleConnection:
    """Borrow an idle connection."""
    idle = pool_in(engine).lend_idle()
    assert idle is not None
    return idle


async def count_in(database: str) -> int:
    """Count the pool's connections to a database, as its server does."""
    async with connected(database) as observer:
        count: int = await observer.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return count


async def none_in(database: str) -> bool:
    """Return whether a database has no connections."""
    return await count_in(database) == 0


async def test_a_pool_without_connections_lends_none(engine: AsyncEngine) -> None:
    """The first connection is made in the usual way."""
    assert pool_in(engine).lend_idle() is None


async def test_a_connection_on_loan_is_in_use(engine: AsyncEngine) -> None:
    """It counts towards the limit, and nobody else gets it until it is given back."""
    await pid_of(engine)
    idle = lent_by(engine)
    lent = (pool_of(engine).checkedout(), pool_of(engine).checkedin())
    nobody_else = pool_in(engine).lend_idle()
    idle.close()

    assert lent == (1, 0)
    assert nobody_else is None
    assert (pool_of(engine).checkedout(), pool_of(engine).checkedin()) == (0, 1)


async def test_whoever_waits_gets_the_connection_that_is_given_back(engine: AsyncEngine) -> None:
    """A loan holds nobody up who waits in the usual way."""
    async with engine.connect(), engine.connect():
        pass
    idle, other = lent_by(engine), lent_by(engine)
    asking = asyncio.create_task(pid_in_the_usual_way(engine))
    await asyncio.sleep(0.05)
    early = asking.done()
    idle.close()
    answer = await asking
    other.close()

    assert not early
    assert answer
    assert connections_of(engine) == 2


async def test_a_connection_that_the_server_has_closed_is_not_lent(database: str, engine: AsyncEngine) -> None:
    """The next statement gets another one, and its caller learns of nothing."""
    former = await pid_of(engine)
    async with connected(database) as postgres:
        await postgres.execute("SELECT pg_terminate_backend($1)", former)
    await eventually(lambda: asyncio.sleep(0, not lends(engine)))

    assert await pid_of(engine) != former
    assert connections_of(engine) == 1


async def test_connections_from_before_a_restart_are_not_lent(database: str, engine: AsyncEngine) -> None:
    """Once SQLAlchemy has given up all connections of a time, none of them is lent, though it seems open."""
    async with engine.connect() as idle, engine.connect() as lost:
        [former] = await idle.exec_driver_sql("SELECT pg_backend_pid()")
        async with connected(database) as postgres:
            await postgres.execute(
                "SELECT pg_terminate_backend($1)", await lost.scalar(text("SELECT pg_backend_pid()"))
            )
        with pytest.raises(DBAPIError):
            await lost.scalar(text("SELECT 1"))

    assert pool_in(engine).lend_idle() is None
    assert await pid_of(engine) != former[0]


async def test_an_invalid_connection_leaves_its_place(engine: AsyncEngine) -> None:
    """Another one is made there when it is needed."""
    former = await pid_of(engine)
    idle = lent_by(engine)
    await greenlet_spawn(idle.invalidate)
    idle.close()

    assert pool_in(engine).lend_idle() is None
    assert await pid_of(engine) != former
    assert connections_of(engine) == 1


async def test_a_cancelled_statement_takes_no_connection_with_it(engine: AsyncEngine) -> None:
    """However often that happens, as many are to be had as before."""
    database = Database(engine, 5, migrate=True)
    await database.bound_rows(_PID)
    for _ in range(5):
        asking = asyncio.create_task(database.bound_rows(_SLEEP))
        await eventually(lambda: asyncio.sleep(0, pool_of(engine).checkedout() == 1))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert pool_of(engine).checkedout() == 0
    async with engine.connect(), engine.connect():
        assert connections_of(engine) == 2


async def test_a_pool_that_was_made_anew_lends_as_well(engine: AsyncEngine) -> None:
    """As after a migration, which closes all connections: none of the former ones is lent."""
    former = await pid_of(engine)
    await engine.dispose()
    empty = not lends(engine)

    assert empty
    assert await pid_of(engine) != former
    assert lends(engine)


@pytest.mark.parametrize("way", ["lent", "usual"])
async def test_a_connection_that_is_in_use_when_all_are_closed_is_closed_when_it_comes_back(
    database: str, engine: AsyncEngine, way: str
) -> None:
    """Else it would stay open until garbage is collected, beside as many as the new pool may have."""
    await pid_of(engine)
    async with AsyncExitStack() as used:
        if way == "lent":
            used.callback(lent_by(engine).close)
        else:
            await used.enter_async_context(engine.connect())
        await engine.dispose()
        while_used = await count_in(database)

    assert while_used == 1
    await eventually(lambda: none_in(database))
    assert await pid_of(engine)


async def test_whoever_waits_when_all_are_closed_gets_a_connection(database: str, engine: AsyncEngine) -> None:
    """One that was in use then; it is closed after that."""
    async with engine.connect(), engine.connect():
        pass
    idle, other = lent_by(engine), lent_by(engine)
    asking = asyncio.create_task(pid_in_the_usual_way(engine))
    await asyncio.sleep(0.05)
    await engine.dispose()
    idle.close()
    other.close()

    assert await asking
    await eventually(lambda: none_in(database))


async def test_the_pool_logs_as_the_library_does(engine: AsyncEngine) -> None:
    """What it has to say at the level of information is not for operators, whose log has that of our own modules."""
    logger = pool_in(engine).logger
    assert isinstance(logger, logging.Logger)
    assert logger.name.partition(".")[0] == "sqlalchemy"
