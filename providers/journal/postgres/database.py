"""The journal's database: its tables made by whoever asks first, and every failure that of a journal."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from providers.errors import Misconfigured, Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.postgres.append_function import CREATE_APPEND
from providers.journal.postgres.append_lent_function import CREATE_APPEND_LENT
from providers.journal.postgres.tables import CREATE, MAKING_LOCK, UPGRADE, VERSION
from providers.postgres.database import PreparedDatabase
from providers.postgres.encoding import ENCODING, check_encoding
from providers.postgres.translate import Writes

# Not to_regclass(), which remembers what was not there before this connection waited for the lock.
_EXISTS = text("""
    SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'ninai_journal' AND pg_table_is_visible(oid))
""")
_LENDS = text("""
    SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_proc WHERE proname = 'ninai_journal_append_lent' AND pg_function_is_visible(oid)
    )
""")
_MADE = text("SELECT id, version FROM ninai_journal")
_TRACES = text("""
    SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_attribute
        WHERE attrelid = CAST('ninai_journal_entries' AS regclass) AND attname = 'trace' AND NOT attisdropped
    )
""")
_NOTE = text("INSERT INTO ninai_journal (version) VALUES (:version)")
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")


class JournalDatabase(PreparedDatabase):
    """Lend connections to a database that holds the journal's tables.

    Raises `JournalUnavailable` for whatever keeps the body from its end; `ambiguous` if it may have written.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        seconds: float,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        super().__init__(engine, seconds, waiting)
        self._id: str | None = None
        self._closed = False

    @property
    def id(self) -> str:
        """The name that the journal was given when its tables were made."""
        if self._id is None:
            raise JournalUnavailable("the database of the journal has not been reached yet")
        return self._id

    async def reach(self) -> None:
        """Prepare the tables, if that can be done within the time limit."""
        async with self.reading():
            pass

    async def close(self) -> None:
        """Stop preparing; afterwards nothing is lent any more."""
        self._closed = True
        await super().close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for several statements that happen together or not at all."""
        async with self.writing() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def limited(self) -> AsyncIterator[None]:
        """Hold a write that others may keep waiting to the time limit."""
        with _of_a_journal():
            async with super().limited():
                yield

    @asynccontextmanager
    async def _lent(self, writes: Writes) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        with _of_a_journal():
            async with super()._lent(writes) as connection:
                yield connection

    async def _prepare(self) -> None:
        async with asyncio.timeout(self._seconds), self._engine.connect() as connection:
            check_encoding(str(await connection.scalar(ENCODING)))
            found = await _id_of(connection)
            current = found is not None and await _is_current(connection)
        self._id = found if current else await self._make()

    async def _make(self) -> str:
        """Make the tables, or what is missing of them."""
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                await connection.execute(_LOCK, {"key": MAKING_LOCK})
                found = await _id_of(connection)
                for statement in await _missing(connection, found):
                    # As it stands: text() would take the colons of ":=" for its own.
                    await connection.exec_driver_sql(statement)
                if found is None:
                    await connection.execute(_NOTE, {"version": VERSION})
                return str(await _id_of(connection))


async def _is_current(connection: AsyncConnection) -> bool:
    """Whether nothing is missing of a journal that is there."""
    return bool(await connection.scalar(_TRACES)) and bool(await connection.scalar(_LENDS))


async def _missing(connection: AsyncConnection, found: str | None) -> list[str]:
    """List the statements that make a journal, or bring one of a version before up to date."""
    missing = list(CREATE) if found is None else []
    if found is None or not await connection.scalar(_TRACES):
        missing += [*UPGRADE, CREATE_APPEND]
    if found is None or not await connection.scalar(_LENDS):
        missing.append(CREATE_APPEND_LENT)
    return missing


@contextmanager
def _of_a_journal() -> Iterator[None]:
    try:
        yield
    except JournalUnavailable:
        raise
    except Unavailable as error:
        raise JournalUnavailable(f"the journal: {error.reason}", ambiguous=error.ambiguous) from error


async def _id_of(connection: AsyncConnection) -> str | None:
    """Give the name of the journal whose tables are there, None if there are none.

    Raises:
        Misconfigured: a version that this code does not know has made them.
    """
    if not await connection.scalar(_EXISTS):
        return None
    row = (await connection.execute(_MADE)).one()
    if row.version != VERSION:
        raise Misconfigured(
            f"its tables are of version {row.version}, and this program knows {VERSION} alone: update it"
        )
    return str(row.id)
