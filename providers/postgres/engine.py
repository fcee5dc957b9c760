"""The connection pool: lazy, quick to close, traced, and able to speak through PgBouncer."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Dialect, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection, QueuePool

from providers.postgres.tracing import trace_statements
from providers.timing import time_limit

# Seconds, where nobody waits for longer; a server that gets little processor takes some of them.
CONNECT_TIMEOUT = 10.0
CLOSE_TIMEOUT = 2.0  # seconds

# Longer than any operation lasts: what it may wait for a connection is its own to say.
_LONGEST_WAITING = 3_600.0  # seconds

# One user's rows lie in one partition: the generic plan prunes to it at run time, while a custom plan costs more to
# make than to run. Compiling such short queries never pays.
_PLANNER = {"plan_cache_mode": "force_generic_plan", "jit": "off"}


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    pool_size: int,
    through_pooler: bool = False,
    json_deserializer: Callable[[str], Any] = json.loads,
    on_connect: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
) -> AsyncIterator[AsyncEngine]:
    """Hold a pool for as long as the context lasts; the first connection is made by the first query.

    Every statement commits by itself (AUTOCOMMIT), which saves two round trips a call; what needs a transaction asks
    for one. `on_connect` is done to every new connection. A `pool_size` of 0 keeps none: each use makes its own.
    """
    closing: set[asyncio.Task[None]] = set()
    url = make_url(dsn)
    connect_args: dict[str, Any] = {"timeout": CONNECT_TIMEOUT, "connection_class": _closed_aside(closing)}
    if through_pooler:
        # A transaction pooler hands every transaction another server connection: no session settings, no statement
        # prepared earlier. A statement without a name is prepared anew, in the same step, whenever it is executed.
        connect_args |= {
            "prepared_statement_cache_size": 0,
            "statement_cache_size": 0,
            "prepared_statement_name_func": lambda: "",
        }
    else:
        connect_args["server_settings"] = {"application_name": "ninai", **_PLANNER}
    if url.query.get("ssl") == "disable":
        # Where there is no TLS its negotiation is settled too, or asyncpg would take PGSSLNEGOTIATION for it.
        connect_args["direct_tls"] = False
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        **_pool(pool_size),
        # In AUTOCOMMIT there is nothing to roll back, and the round trip would cost as much as a small query.
        pool_reset_on_return=None,
        hide_parameters=True,  # an error message must not quote memories
        json_deserializer=json_deserializer,
        connect_args=connect_args,
    )
    if on_connect is not None:
        event.listen(engine.sync_engine, "connect", _each_with(on_connect))
    event.listen(engine.sync_engine, "do_connect", _connect_for_the_whole_try)
    event.listen(engine.sync_engine, "checkout", _refuse_if_closed)
    trace_statements(engine)
    try:
        yield engine
    finally:
        # A cancelled shutdown must still close the sockets.
        await asyncio.shield(_closed(engine, closing))


def _pool(size: int) -> dict[str, Any]:
    if size == 0:
        return {"poolclass": NullPool}
    return {"pool_size": size, "max_overflow": 0, "pool_timeout": _LONGEST_WAITING}


def pool_of(engine: AsyncEngine) -> QueuePool:
    """Give the pool as it is now: after a migration it is another one."""
    pool = engine.sync_engine.pool
    if not isinstance(pool, QueuePool):
        raise TypeError(f"a pool of another kind: {type(pool).__name__}")
    return pool


def connections_of(engine: AsyncEngine) -> int:
    """Count the connections of a pool, lent or free; there are none that are kept in a pool of another kind."""
    pool = engine.sync_engine.pool
    return pool.checkedout() + pool.checkedin() if isinstance(pool, QueuePool) else 0


async def _closed(engine: AsyncEngine, closing: set[asyncio.Task[None]]) -> None:
    await engine.dispose()
    await asyncio.gather(*closing)


def _closed_aside(closing: set[asyncio.Task[None]]) -> type[asyncpg.Connection]:
    """Make connections that nobody waits for when they close, but that close in good order.

    A call that is broken off gives up its connection, and asyncpg then asks the server to stop the statement. Whoever
    broke the call off has no time to see whether a server that does not answer hears that.
    """

    class ClosedAside(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
        async def close(self, *, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncpg's signature
            task = asyncio.create_task(self._leave())
            closing.add(task)
            task.add_done_callback(closing.discard)

        async def _leave(self) -> None:
            try:
                await super().close(timeout=CLOSE_TIMEOUT)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                self.terminate()

    return ClosedAside


def _connect_for_the_whole_try(_dialect: Dialect, _entry: object, _arguments: object, named: dict[str, Any]) -> None:
    """Let a try that may last longer than `CONNECT_TIMEOUT` wait for a connection until it ends."""
    named["timeout"] = max(CONNECT_TIMEOUT, time_limit.seconds_left(CONNECT_TIMEOUT))


def _refuse_if_closed(connection: DBAPIConnection, _entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Have the pool connect again instead of lending what the server has closed meanwhile; asks nobody."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _each_with(
    on_connect: Callable[[asyncpg.Connection], Awaitable[None]],
) -> Callable[[DBAPIConnection, ConnectionPoolEntry], None]:
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.run_async(on_connect)

    return prepare
