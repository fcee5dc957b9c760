"""Calls between hosts: NOTIFY after something was appended, LISTEN on a connection of its own."""

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
from providers.postgres.translate import TimeLimit, Writes, translated

_CHANNEL = "ninai_journal"
_LONGEST_PAUSE = 5.0  # seconds between two tries to listen
_SHORTEST_PAUSE = 0.1  # seconds
_CHECK = 10.0  # seconds between two looks whether the connection is still good

# In a transaction of its own: one that notifies holds a lock of the whole database while it commits, so appending would
# wait for the disk one by one. This one has nothing to wait for.
_CALL = text("SELECT set_config('synchronous_commit', 'off', true), pg_notify(:channel, :caller)")

_log = structlog.get_logger(__name__)


class Caller:
    """Call the other hosts, and hear them; `heard` is called in the event loop.

    While it cannot listen, or with a pooler in between that hands every transaction another connection, others are not
    heard, and whoever waits looks again after a while.
    """

    def __init__(self, database: JournalDatabase, chance: Callable[[], float] = random.random) -> None:
        self._database = database
        self._chance = chance
        self._name = uuid4().hex

    async def call(self) -> None:
        """Call the others; if that fails they find out by themselves."""
        with suppress(JournalUnavailable):
            async with self._database.writing() as connection:
                await connection.execute(_CALL, {"channel": _CHANNEL, "caller": self._name})

    async def listen(self, engine: AsyncEngine, seconds: float, heard: Callable[[], None]) -> None:
        """Listen until cancelled, on a connection out of an engine for nothing else; connects again by itself."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                await self._listen(engine, seconds, heard)
            except Unavailable as error:
                _log.debug("journal_not_listening", reason=error.reason)
            else:
                pause = _SHORTEST_PAUSE
            await asyncio.sleep(pause * (1 + self._chance()) / 2)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _listen(self, engine: AsyncEngine, seconds: float, heard: Callable[[], None]) -> None:
        """Listen until the connection is lost; after it was there at all, that is no error."""

        def hear(_connection: object, _pid: int, _channel: str, caller: object) -> None:
            if caller != self._name:
                heard()

        async with translated(TimeLimit(seconds), Writes.NOTHING):
            lent = await engine.connect()
        try:
            raw = await lent.get_raw_connection()
            connection: asyncpg.Connection = raw.driver_connection
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection: lost.set())
            async with translated(TimeLimit(seconds), Writes.NOTHING):
                await connection.add_listener(_CHANNEL, hear)
            heard()  # what was called while nobody listened
            with suppress(Unavailable):
                while not lost.is_set():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_CHECK):
                            await lost.wait()
                    async with translated(TimeLimit(seconds), Writes.NOTHING):
                        await connection.execute("SELECT 1")
        finally:
            # Never lent again: it would go on hearing.
            await lent.invalidate()
            await lent.close()
