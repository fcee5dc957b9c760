"""Opening the journal in PostgreSQL: the pool, and the connection that listens, closed in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog

from providers import background
from providers.journal.base import JournalUnavailable
from providers.journal.postgres.bell import Bell
from providers.journal.postgres.calling import Caller
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.journal import PostgresJournal
from providers.postgres.engine import open_pool, pool_of
from providers.types import Host

# Of an operation's time limit, what a read may spend before it on waiting for what was settled.
_SHARE_OF_SETTLING = 0.5

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_journal(
    dsn: str, host: Host, *, pool_size: int, seconds: float, through_pooler: bool
) -> AsyncIterator[PostgresJournal]:
    """Open a journal; the database need not be up yet. `seconds` is the time limit of one operation."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_pool(dsn, pool_size=pool_size, through_pooler=through_pooler))
        waiting = stack.enter_context(host.metrics.watched_pool(host.name, lambda: pool_of(engine)))
        database = JournalDatabase(engine, seconds, waiting.one)
        stack.push_async_callback(database.close)
        caller = Caller(database)
        bell = Bell(caller.call)
        stack.push_async_callback(bell.close)
        if not through_pooler:
            listening = await stack.enter_async_context(open_pool(dsn, pool_size=1))
            task = background.start(lambda: caller.listen(listening, seconds, bell.ring_here), "journal listener")
            stack.push_async_callback(background.stop, task)
        # A journal that can be reached is ready, and knows its name; for another one nobody waits longer.
        with suppress(JournalUnavailable):
            await database.reach()
        journal = PostgresJournal(database, bell, seconds * _SHARE_OF_SETTLING)
        stack.push_async_callback(journal.close)
        yield journal
