"""Connections to a database whose schema is ready, each with a time limit and translated errors."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import asyncpg
from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from observability import tracing
from providers.errors import Misconfigured
from providers.postgres.bound_sql import BoundSql
from providers.postgres.driver_sql import bound, fetched, fetched_by
from providers.postgres.engine import connections_of
from providers.postgres.lending import IdleConnection, LendingPool
from providers.postgres.tracing import VALUES_BOUND
from providers.postgres.translate import PossibleWrites, TimeLimit, is_full, translated
from providers.timing import time_limit

Lent = TypeVar("Lent")

_GRACE = 0.1  # seconds
_FULL_SECONDS = 0.2  # between two tries at a server that refuses further connections


class PreparedDatabase(ABC):
    """Acquire connections, after the schema has been prepared once.

    `seconds` is the time limit of an operation whose caller sets none.

    The database may be down when the object is created and at any time later: an operation meanwhile raises
    `Unavailable`, and the first operation after its return prepares the schema for all. `waiting` returns a context
    that an operation enters while it waits for a connection. With `prepared_again` the schema is prepared once more
    after the database has refused an operation for what it lacks. One that `lends_directly` adds nothing to how
    a connection is acquired, so that a single statement may do without SQLAlchemy's connection, which takes longer.
    """

    prepared_again: ClassVar[bool] = False
    lends_directly: ClassVar[bool] = False

    def __init__(
        self, engine: AsyncEngine, seconds: float, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._engine = engine
        self._seconds = seconds
        self._waiting = waiting
        self._usable = False
        self._preparing: asyncio.Task[None] | None = None

    async def rows(
        self, statement: TextClause, values: Mapping[str, Any] | None = None, *, after_write: bool = False
    ) -> Sequence[Row[Any]]:
        """Return the rows of a statement that stores nothing; see `reading`."""
        writes = PossibleWrites.BEFORE if after_write else PossibleWrites.NOTHING
        if self._runs_directly:
            return await self._run(lambda: bound(*self.formed(statement, values or {})), writes)
        async with self._acquired(writes) as connection:
            return await fetched(connection, bound(*self.formed(statement, values or {})), writes)

    async def bound_rows(self, statement: BoundSql) -> Sequence[Row[Any]]:
        """Return the rows of a statement in the driver's own form that stores nothing."""
        if self._runs_directly:
            return await self._run(lambda: self.formed_sql(statement), PossibleWrites.NOTHING)
        async with self.reading() as plain:
            statement = self.formed_sql(statement)
            if not statement.settings:
                return await fetched(plain, statement, PossibleWrites.NOTHING)
            # In a transaction, so that the settings end with it, whoever gets the connection then.
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                for setting in statement.settings:
                    await connection.execute(text(setting))
                return (await connection.exec_driver_sql(statement.text, statement.values, VALUES_BOUND)).all()

    async def write(self, statement: TextClause, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Run a statement that writes, and return the rows that it returns."""
        if self._runs_directly:
            return await self._write(lambda: bound(*self.formed(statement, values)))
        async with self.writing() as connection:
            return await fetched(connection, bound(*self.formed(statement, values)), PossibleWrites.PERHAPS)

    async def write_parts(self, statement: TextClause, parts: Sequence[Mapping[str, Any]]) -> Sequence[Row[Any]]:
        """Run a statement that writes once for each part of its values, all or nothing; return the rows of all."""
        if len(parts) == 1:
            return await self.write(statement, parts[0])
        async with self.transaction() as connection:
            formed = [self.formed(statement, values) for values in parts]
            return [row for part in formed for row in (await connection.execute(*part)).all()]

    async def change(self, statement: TextClause, values: Mapping[str, Any]) -> int:
        """Run a statement that writes and returns nothing; return the number of rows that it has changed."""
        async with self.writing() as connection:
            return (await connection.execute(*self.formed(statement, values))).rowcount

    def formed(self, statement: TextClause, values: Mapping[str, Any]) -> tuple[TextClause, Mapping[str, Any]]:
        """Return a statement and its values in the form that this database takes; it is prepared by then."""
        return statement, values

    def formed_sql(self, statement: BoundSql) -> BoundSql:
        """Return a statement of the driver's own form in that which this database takes."""
        return statement

    def reading(self, *, after_write: bool = False) -> AbstractAsyncContextManager[AsyncConnection]:
        """Acquire a connection for an operation that stores nothing.

        `after_write` is true if the same operation has written before, so that its outcome is unknown after any error.
        """
        return self._acquired(PossibleWrites.BEFORE if after_write else PossibleWrites.NOTHING)

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Acquire a connection for one statement that writes, and commits by itself."""
        return self._acquired(PossibleWrites.PERHAPS)

    def wrote(self, error: BaseException | None) -> None:  # noqa: B027 - what it tells is for those who want it
        """Learn how an operation has ended that writes."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Acquire a connection for several statements in one transaction."""
        async with self.writing() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                yield connection

    async def ready(self) -> None:
        """Prepare the schema, unless it is; see `reading` for the errors."""
        if not self._usable:
            async with self.reading():
                pass

    def limited(self) -> AbstractAsyncContextManager[None]:
        """Apply the time limit to a write that may wait for other writes."""
        # A little later than the statement's own limit, whose error states whether anything was sent.
        return translated(TimeLimit(time_limit.seconds_left(self._seconds) + _GRACE), PossibleWrites.PERHAPS)

    async def close(self) -> None:
        """Stop preparing the schema, if that is under way."""
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.gather(self._preparing, return_exceptions=True)

    def _acquired(self, writes: PossibleWrites) -> AbstractAsyncContextManager[AsyncConnection]:
        return _Acquired(self, writes)

    async def connected(self) -> AsyncConnection:
        """Take a connection from the pool, once the schema is prepared."""
        return await self._lent(self._engine.connect)

    def limit(self) -> TimeLimit:
        """Return the time limit of an operation that begins now."""
        return TimeLimit(time_limit.seconds_left(self._seconds))

    def misconfigured(self) -> None:
        """Learn that the database has refused an operation for what it lacks."""
        self._usable = not self.prepared_again

    async def _write(self, formed: Callable[[], BoundSql]) -> Sequence[Row[Any]]:
        """Run one statement that writes by the driver's connection; errors are those of `writing`."""
        try:
            rows = await self._run(formed, PossibleWrites.PERHAPS)
        except BaseException as error:
            self.wrote(error)
            raise
        self.wrote(None)
        return rows

    async def _run(self, formed: Callable[[], BoundSql], writes: PossibleWrites) -> Sequence[Row[Any]]:
        """Run one statement by the driver's connection; errors are those of a connection for such a statement."""
        before = writes is PossibleWrites.BEFORE
        # Nothing has been sent before there is a connection, whatever error occurs while acquiring one.
        translation = translated(self.limit(), PossibleWrites.BEFORE if before else PossibleWrites.NOTHING)
        async with translation:
            lent = await self._lent(self._borrowed)
            translation.begins(writes)
            try:
                return await fetched_by(lent, formed(), writes)
            except Misconfigured:
                self.misconfigured()
                raise
            finally:
                lent.close()

    async def _borrowed(self) -> PoolProxiedConnection | IdleConnection:
        """Borrow the driver's connection; where there is none, raise what SQLAlchemy's own way raises."""
        engine = self._engine.sync_engine
        if isinstance(engine.pool, LendingPool) and (idle := engine.pool.lend_idle()) is not None:
            return idle
        try:
            return await greenlet_spawn(engine.raw_connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DBAPIError(None, None, error) from error

    @property
    def _runs_directly(self) -> bool:
        """Whether a single statement is run directly; a traced one is SQLAlchemy's, which makes the span."""
        return self.lends_directly and not tracing.current.get().recorded

    async def _lent(self, take: Callable[[], Awaitable[Lent]]) -> Lent:
        """Take from the pool once the schema is prepared; if the server refuses a connection, wait for one of ours."""
        await self._ready()
        with self._waiting():
            while True:
                try:
                    return await take()
                except (asyncpg.TooManyConnectionsError, DBAPIError) as error:
                    if not is_full(error) or not connections_of(self._engine):
                        raise
                await asyncio.sleep(_FULL_SECONDS)

    async def _ready(self) -> None:
        if self._usable:
            return
        # A migration may take longer than any request waits, so it runs in a task of its own.
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.create_task(self._prepare_once(), name="prepare the schema")
            self._preparing.add_done_callback(_retrieve)
        await asyncio.shield(self._preparing)

    async def _prepare_once(self) -> None:
        await self._prepare()
        self._usable = True

    @abstractmethod
    async def _prepare(self) -> None:
        """Bring the schema into the state that is needed, or raise why that is impossible."""


class _Acquired(AbstractAsyncContextManager[AsyncConnection]):
    """A connection for one operation, within its time limit and with translated errors.

    This is a plain class and no generator, because it stands in the path of every request.
    """

    __slots__ = ("_connection", "_database", "_translation", "_writes")

    def __init__(self, database: PreparedDatabase, writes: PossibleWrites) -> None:
        self._database = database
        self._writes = writes

    async def __aenter__(self) -> AsyncConnection:
        database, limit = self._database, self._database.limit()
        before = self._writes is PossibleWrites.BEFORE
        try:
            # Nothing has been sent before there is a connection, whatever error occurs while acquiring one.
            async with translated(limit, PossibleWrites.BEFORE if before else PossibleWrites.NOTHING):
                self._connection = await database.connected()
        except BaseException as error:
            self._ended(error)
            raise
        self._translation = translated(limit, self._writes)
        await self._translation.__aenter__()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._translation.__aexit__(kind, error, traceback)
        except BaseException as meaning:
            if isinstance(meaning, Misconfigured):
                self._database.misconfigured()
            self._ended(meaning)
            raise
        else:
            if isinstance(error, Misconfigured):
                self._database.misconfigured()
            self._ended(error)
        finally:
            if error is None:
                await self._connection.close()  # nothing is sent for that, so it cannot be cancelled
            else:
                await self._connection.__aexit__(kind, error, traceback)
            error = None  # otherwise it and this frame would refer to each other

    def _ended(self, error: BaseException | None) -> None:
        if self._writes is PossibleWrites.PERHAPS:
            self._database.wrote(error)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Retrieve the result even if no task waits for it, or asyncio complains at exit."""
    if not task.cancelled():
        task.exception()
