"""A connection pool that lends an idle connection at once, without what a connection takes that has yet to be made."""

import asyncio
from typing import Any, cast

from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.pool.base import _ConnectionRecord
from sqlalchemy.util.queue import Empty


class LendingPool(AsyncAdaptedQueuePool):
    """A pool that has a shorter way as well, to the idle connections, for single statements of the driver's own.

    The usual way may have to wait or to connect, and so takes a greenlet, and a proxy that is watched for being lost:
    more than a short statement. Both ways share the same connections and the same limit on them. Listeners for
    `checkout` and `checkin` do not learn of the shorter one, which looks itself whether a connection was closed.

    The driver's connections have `leave`, which begins to close them.
    """

    # Otherwise SQLAlchemy logs under the name of this module, where more is shown than of a library.
    _sqla_logger_namespace = "sqlalchemy.pool.LendingPool"

    _disposed = False

    def dispose(self) -> None:
        """Close the idle connections now, and those in use once they are given back and nobody waits for them."""
        self._disposed = True
        super().dispose()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        if self._disposed:  # whoever waits takes it in this turn of the event loop, before what is called in the next
            asyncio.get_running_loop().call_soon(self._leave_idle)

    def _leave_idle(self) -> None:
        while True:
            try:
                entry = self._pool.get(block=False)
            except Empty:
                return
            self._dec_overflow()
            if entry.driver_connection is not None:
                entry.driver_connection.leave()

    def lend_idle(self) -> "IdleConnection | None":
        """Return a connection that is idle and usable, which whoever gets it must close; None if there is none.

        What there is to be done then, the usual way finds out: it takes the same connection next.
        """
        try:
            entry = self._pool.get(block=False)
        except Empty:
            return None
        driver = entry.driver_connection
        if driver is None or driver.is_closed() or self._is_outdated(entry):
            self._do_return_conn(entry)
            return None
        return IdleConnection(self, entry, driver)

    def _is_outdated(self, entry: ConnectionPoolEntry) -> bool:
        """Return whether all connections of that time were given up since, as after a restart of the server."""
        return self._invalidate_time > cast("_ConnectionRecord", entry).last_connect_time


class IdleConnection:
    """A connection on loan from a `LendingPool`, with as much of SQLAlchemy's proxy as one statement needs."""

    __slots__ = ("_entry", "_pool", "driver_connection")

    def __init__(self, pool: LendingPool, entry: ConnectionPoolEntry, driver: Any) -> None:  # noqa: ANN401 - asyncpg has no types
        self._pool, self._entry = pool, entry
        self.driver_connection = driver

    def invalidate(self) -> None:
        """Close the connection, so that another is made in its place; to be called in a greenlet."""
        self._entry.invalidate()

    def close(self) -> None:
        """Give the connection back, or the place of one that was invalidated."""
        self._pool._do_return_conn(self._entry)  # noqa: SLF001 - a part of the pool
