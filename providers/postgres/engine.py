"""The connection pool: lazy, quick to close, traced, and usable through PgBouncer."""

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

from providers.postgres.lending import LendingPool
from providers.postgres.tracing import trace_statements
from providers.timing import time_limit

# Seconds for an operation with no longer limit of its own; a server on a busy machine takes some of them.
CONNECT_TIMEOUT = 10.0
CLOSE_TIMEOUT = 2.0  # seconds

# Longer than any operation lasts: each operation limits the time it waits for a connection itself.
_LONGEST_WAITING = 3_600.0  # seconds

# One user's rows are in one partition: the generic plan prunes to it at run time, while a custom plan costs more to
# make than to run. Compiling such short queries never pays.
_PLANNER = {"plan_cache_mode": "force_generic_plan", "jit": "off"}

# Citus plans a statement for the values that say on which node their rows are, and refuses it without.
_IS_CITUS = "SELECT true FROM pg_catalog.pg_extension WHERE extname = 'citus'"
_FOR_CITUS = "SET plan_cache_mode = auto"


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    pool_size: int,
    through_pooler: bool = False,
    json_deserializer: Callable[[str], Any] = json.loads,
    on_connect: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
) -> AsyncIterator[AsyncEngine]:
    """Hold a pool for as long as the context lasts; the first query makes the first connection.

    Every statement commits by itself (AUTOCOMMIT), which saves two round trips a call; code that needs a transaction
    begins one. `on_connect` is called with every new connection. A `pool_size` of 0 keeps no connections: each use
    makes its own.
    """
    closing: set[asyncio.Task[None]] = set()
    url = make_url(dsn)
    connect_args: dict[str, Any] = {"timeout": CONNECT_TIMEOUT, "connection_class": _closed_aside(closing)}
    if through_pooler:
        # A transaction pooler assigns another server connection to every transaction: no session settings, no statement
        # prepared earlier. A statement without a name is prepared anew, in the same step, whenever it is executed.
        connect_args |= {
            "prepared_statement_cache_size": 0,
            "statement_cache_size": 0,
            "prepared_statement_name_func": lambda: "",
        }
    else:
        connect_args["server_settings"] = {"application_name": "ninai", **_PLANNER}
    if url.query.get("ssl") == "disable":
        # Without TLS its negotiation is set as well, or asyncpg would read it from PGSSLNEGOTIATION.
        connect_args["direct_tls"] = False
    # The connection that was used last comes first: each plans a statement anew the first time, which takes longer than
    # to run it many times.
    pool = {"poolclass": LendingPool, "pool_size": pool_size, "max_overflow": 0}
    pool |= {"pool_timeout": _LONGEST_WAITING, "pool_use_lifo": True}
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        **(pool if pool_size else {"poolclass": NullPool}),
        # In AUTOCOMMIT there is nothing to roll back, and the round trip would cost as much as a small query.
        pool_reset_on_return=None,
        hide_parameters=True,  # an error message must not quote memories
        json_deserializer=json_deserializer,
        connect_args=connect_args,
    )

    async def begin(connection: asyncpg.Connection) -> None:
        if not through_pooler and await connection.fetchval(_IS_CITUS):
            await connection.execute(_FOR_CITUS)
        if on_connect is not None:
            await on_connect(connection)

    event.listen(engine.sync_engine, "connect", lambda connection, _entry: connection.run_async(begin))
    event.listen(engine.sync_engine, "do_connect", _connect_for_the_whole_try)
    event.listen(engine.sync_engine, "checkout", _refuse_if_closed)
    trace_statements(engine)
    try:
        yield engine
    finally:
        # A cancelled shutdown must still close the sockets.
        await asyncio.shield(_closed(engine, closing))


def pool_of(engine: AsyncEngine) -> QueuePool:
    """Return the current pool: after a migration it is another one."""
    pool = engine.sync_engine.pool
    if not isinstance(pool, QueuePool):
        raise TypeError(f"a pool of another kind: {type(pool).__name__}")
    return pool


def connections_of(engine: AsyncEngine) -> int:
    """Count the connections of a pool, in use or idle; a pool of another kind keeps none."""
    pool = engine.sync_engine.pool
    return pool.checkedout() + pool.checkedin() if isinstance(pool, QueuePool) else 0


async def _closed(engine: AsyncEngine, closing: set[asyncio.Task[None]]) -> None:
    await engine.dispose()
    await asyncio.gather(*closing)


def _closed_aside(closing: set[asyncio.Task[None]]) -> type[asyncpg.Connection]:
    """Return a class of connections that close in the background, but in good order.

    A cancelled call closes its connection, and asyncpg then asks the server to stop the statement. The caller has no
    time to wait for a server that may not answer.
    """

    class ClosedAside(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
        async def close(self, *, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncpg's signature
            self.leave()

        def leave(self) -> None:
            """Begin to close, without a coroutine to be awaited."""
            task = asyncio.create_task(self._closed())
            closing.add(task)
            task.add_done_callback(closing.discard)

        async def _closed(self) -> None:
            try:
                await super().close(timeout=CLOSE_TIMEOUT)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                self.terminate()

    return ClosedAside


def _connect_for_the_whole_try(_dialect: Dialect, _entry: object, _arguments: object, named: dict[str, Any]) -> None:
    """Let an attempt that may last longer than `CONNECT_TIMEOUT` wait for a connection until it ends."""
    named["timeout"] = max(CONNECT_TIMEOUT, time_limit.seconds_left(CONNECT_TIMEOUT))


def _refuse_if_closed(connection: DBAPIConnection, _entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Make the pool reconnect instead of returning a connection that the server has closed; no round trip is needed."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
