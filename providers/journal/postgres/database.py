"""The journal's database: the first operation creates its tables, and every failure is translated to a journal's."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.errors import Misconfigured, Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.postgres.append_function import CREATE_APPEND
from providers.journal.postgres.append_leased_function import CREATE_APPEND_LEASED
from providers.journal.postgres.tables import CREATE, CREATION_LOCK, UPGRADE, UPGRADE_CLOCK, UPGRADE_STORES, VERSION
from providers.postgres.database import PreparedDatabase
from providers.postgres.encoding import ENCODING, check_encoding
from providers.postgres.translate import PossibleWrites

# Not to_regclass(), which caches that the table was missing before this connection waited for the lock.
_EXISTS = text("""
    SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'ninai_journal' AND pg_table_is_visible(oid))
""")
_HAS_LEASES = text("""
    SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_proc WHERE proname = 'ninai_journal_append_lent' AND pg_function_is_visible(oid)
    )
""")
_JOURNAL = text("SELECT id, version FROM ninai_journal")
_HAS_COLUMN = text("""
    SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_attribute
        WHERE attrelid = CAST(CAST(:table AS text) AS regclass) AND attname = :column AND NOT attisdropped
    )
""")
_TRACES = {"table": "ninai_journal_entries", "column": "trace"}
_STORES = {"table": "ninai_journal_members", "column": "epoch"}
_CLOCK = {"table": "ninai_journal", "column": "watched_since"}
_INSERT_JOURNAL = text("INSERT INTO ninai_journal (version) VALUES (:version)")
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")


class JournalDatabase(PreparedDatabase):
    """Acquire connections to a database that holds the journal's tables.

    Every failure of the body is raised as `JournalUnavailable`, which is `ambiguous` if the body may have written.
    """

    _id: str | None = None
    _closed = False

    @property
    def id(self) -> str:
        """The name that the journal received when its tables were created."""
        if self._id is None:
            raise JournalUnavailable("the database of the journal has not been reached yet")
        return self._id

    async def reach(self) -> None:
        """Prepare the tables, if the time limit allows it."""
        async with self.reading():
            pass

    async def close(self) -> None:
        """Stop preparing; every later call is refused."""
        self._closed = True
        await super().close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Acquire a connection for several statements in one transaction."""
        async with self.writing() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def limited(self) -> AsyncIterator[None]:
        """Apply the time limit to a write that may wait for other writes."""
        with _of_a_journal():
            async with super().limited():
                yield

    @asynccontextmanager
    async def _acquired(self, writes: PossibleWrites) -> AsyncIterator[AsyncConnection]:
        if self._closed:
            raise JournalUnavailable("the journal is closed")
        with _of_a_journal():
            async with super()._acquired(writes) as connection:
                yield connection

    async def _prepare(self) -> None:
        async with asyncio.timeout(self._seconds), self._engine.connect() as connection:
            check_encoding(str(await connection.scalar(ENCODING)))
            found = await _id_of(connection)
            current = found is not None and not await _missing(connection, found)
        self._id = found if current else await self._create()

    async def _create(self) -> str:
        """Create the tables, or those parts that are missing."""
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                await connection.execute(_LOCK, {"key": CREATION_LOCK})
                found = await _id_of(connection)
                for statement in await _missing(connection, found):
                    # Executed without text(), which would take the colons of ":=" for parameters.
                    await connection.exec_driver_sql(statement)
                if found is None:
                    await connection.execute(_INSERT_JOURNAL, {"version": VERSION})
                return str(await _id_of(connection))


async def _missing(connection: AsyncConnection, found: str | None) -> list[str]:
    """Return the statements that create a journal, or upgrade one of an earlier version."""
    missing = list(CREATE) if found is None else []
    if found is None or not await connection.scalar(_HAS_COLUMN, _TRACES):
        missing += [*UPGRADE, CREATE_APPEND]
    if found is None or not await connection.scalar(_HAS_COLUMN, _STORES):
        missing += UPGRADE_STORES
    if found is None or not await connection.scalar(_HAS_LEASES):
        missing.append(CREATE_APPEND_LEASED)
    if found is None or not await connection.scalar(_HAS_COLUMN, _CLOCK):
        missing += UPGRADE_CLOCK
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
    """Return the name of the journal whose tables exist, None if there are none.

    Raises:
        Misconfigured: the tables are of a version that this code does not know.
    """
    if not await connection.scalar(_EXISTS):
        return None
    row = (await connection.execute(_JOURNAL)).one()
    if row.version != VERSION:
        raise Misconfigured(
            f"its tables are of version {row.version}, and this program knows {VERSION} alone: update it"
        )
    return str(row.id)
