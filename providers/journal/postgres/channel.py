"""The notification channel between hosts: NOTIFY after an append, LISTEN on a connection of its own."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.errors import Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.postgres.database import JournalDatabase
from providers.postgres.translate import PossibleWrites, TimeLimit, translated

_CHANNEL = "ninai_journal"
_LONGEST_PAUSE = 5.0  # seconds between two tries to listen
_SHORTEST_PAUSE = 0.1  # seconds
_CHECK = 10.0  # seconds between two checks of the connection

# NOTIFY runs in a transaction of its own: such a transaction holds a lock of the whole database while it commits, so
# that appends would wait for the disk one after another. This transaction has nothing to wait for.
_NOTIFY = text("SELECT set_config('synchronous_commit', 'off', true), pg_notify(:channel, :sender)")

_log = structlog.get_logger(__name__)


class NotificationChannel:
    """Notify the other hosts, and listen to them; `notified` is called in the event loop.

    No notification arrives while the channel cannot listen, or through a pooler that assigns another connection to
    every transaction; a waiting task then looks again after a while.
    """

    def __init__(self, database: JournalDatabase, chance: Callable[[], float] = random.random) -> None:
        self._database = database
        self._chance = chance
        self._name = uuid4().hex

    async def notify(self) -> None:
        """Notify the other hosts; if that fails they find the append when they look again."""
        with suppress(JournalUnavailable):
            async with self._database.writing() as connection:
                await connection.execute(_NOTIFY, {"channel": _CHANNEL, "sender": self._name})

    async def listen(self, engine: AsyncEngine, seconds: float, notified: Callable[[], None]) -> None:
        """Listen until cancelled, on a connection of an engine reserved for this; reconnect after each loss."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                await self._listen(engine, seconds, notified)
            except Unavailable as error:
                _log.debug("journal_not_listening", reason=error.reason)
            else:
                pause = _SHORTEST_PAUSE
            await asyncio.sleep(pause * (1 + self._chance()) / 2)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _listen(self, engine: AsyncEngine, seconds: float, notified: Callable[[], None]) -> None:
        """Listen until the connection is lost; the loss of an established connection raises no error."""

        def receive(_connection: object, _pid: int, _channel: str, sender: object) -> None:
            if sender != self._name:
                notified()

        async with translated(TimeLimit(seconds), PossibleWrites.NOTHING):
            acquired = await engine.connect()
        try:
            raw = await acquired.get_raw_connection()
            connection: asyncpg.Connection = raw.driver_connection
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection: lost.set())
            async with translated(TimeLimit(seconds), PossibleWrites.NOTHING):
                await connection.add_listener(_CHANNEL, receive)
            notified()  # for notifications that were sent while nobody listened
            with suppress(Unavailable):
                while not lost.is_set():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_CHECK):
                            await lost.wait()
                    async with translated(TimeLimit(seconds), PossibleWrites.NOTHING):
                        await connection.execute("SELECT 1")
        finally:
            # The connection is never reused: it would go on receiving notifications.
            await acquired.invalidate()
            await acquired.close()
