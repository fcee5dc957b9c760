"""Opening the journal in PostgreSQL: its pool and its listening connection, which are closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog

from providers import background
from providers.host import Host
from providers.journal.base import JournalUnavailable
from providers.journal.postgres.channel import NotificationChannel
from providers.journal.postgres.clock import RUNNING, ClockWatch, Now
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.journal import PostgresJournal
from providers.journal.postgres.notifier import Notifier
from providers.postgres.engine import open_pool, pool_of

# The share of an operation's time limit that a read may spend on waiting for settlements before it.
_SHARE_OF_SETTLING = 0.5

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_journal(
    dsn: str, host: Host, *, pool_size: int, seconds: float, through_pooler: bool, running: Now = RUNNING
) -> AsyncIterator[PostgresJournal]:
    """Open a journal; the database need not be up yet.

    `seconds` is the time limit of one operation, and `running` a clock that never steps.
    """
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_pool(dsn, pool_size=pool_size, through_pooler=through_pooler))
        waiting = stack.enter_context(host.metrics.watched_pool(host.name, lambda: pool_of(engine)))
        database = JournalDatabase(engine, seconds, waiting.one)
        stack.push_async_callback(database.close)
        channel = NotificationChannel(database)
        notifier = Notifier(channel.notify)
        stack.push_async_callback(notifier.close)
        if not through_pooler:
            listening = await stack.enter_async_context(open_pool(dsn, pool_size=1))
            task = background.start(
                lambda: channel.listen(listening, seconds, notifier.notify_here), "journal listener"
            )
            stack.push_async_callback(background.stop, task)
        # A journal whose database can be reached is ready and knows its name; the opening waits for no other.
        with suppress(JournalUnavailable):
            await database.reach()
        clock = ClockWatch(database, running)
        if host.serves:
            stack.push_async_callback(background.stop, background.start(clock.run, "journal clock"))
        journal = PostgresJournal(database, notifier, clock, seconds * _SHARE_OF_SETTLING)
        stack.push_async_callback(journal.close)
        yield journal
