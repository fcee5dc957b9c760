"""The journal's database: the first operation creates its tables, and every failure is translated to a journal's."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.errors import Misconfigured, Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.postgres import steps
from providers.postgres.database import PreparedDatabase
from providers.postgres.encoding import ENCODING, check_encoding
from providers.postgres.translate import PossibleWrites

_log = structlog.get_logger(__name__)


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
            tables = await steps.find(connection)
        if tables is None or tables.lack():
            tables = await self._upgrade()
        self._id = tables.id

    async def _upgrade(self) -> steps.Tables:
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            try:
                async with connection.begin():
                    tables, taken = await steps.upgrade(connection)
            except DBAPIError as error:
                if steps.is_forbidden(error):
                    raise Misconfigured(
                        "its tables are not as this version needs them, and the role of the service may not change"
                        " them: run `ninai journal upgrade` with the role that owns them"
                    ) from error
                raise
        if taken:
            _log.info("journal_upgraded", kind="postgres", steps=taken)
        return tables


@contextmanager
def _of_a_journal() -> Iterator[None]:
    try:
        yield
    except JournalUnavailable:
        raise
    except Unavailable as error:
        raise JournalUnavailable(f"the journal: {error.reason}", ambiguous=error.ambiguous) from error
