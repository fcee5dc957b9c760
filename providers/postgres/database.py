"""A database as its users see it: a connection whose schema is ready, within a time limit, errors translated."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from providers.postgres.engine import connections_of
from providers.postgres.translate import TimeLimit, Writes, is_full, translated
from providers.timing import time_limit

_GRACE = 0.1  # seconds
_FULL_SECONDS = 0.2  # between two tries at a server that gives no further connection


class PreparedDatabase(ABC):
    """Lend connections, after the schema has been prepared once.

    `seconds` is the time limit of an operation to which none is handed down.

    The database may be down when this is made and at any time later: whoever asks meanwhile gets `Unavailable`, and
    the first to ask after its return prepares the schema for all. `waiting` gives what whoever takes a connection
    holds until it has one.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        seconds: float,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._engine = engine
        self._seconds = seconds
        self._waiting = waiting
        self._usable = False
        self._preparing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reading(self, *, after_write: bool = False) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for something that stores nothing.

        `after_write` tells that the same operation has written before, so that every error leaves its end unknown.
        """
        async with self._lent(Writes.BEFORE if after_write else Writes.NOTHING) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for one statement that writes, and commits by itself."""
        async with self._lent(Writes.PERHAPS) as connection:
            yield connection

    @asynccontextmanager
    async def limited(self) -> AsyncIterator[None]:
        """Hold a write that others may keep waiting to the time limit."""
        # A little later than the statement's own end, which knows better whether anything was sent.
        async with translated(TimeLimit(time_limit.seconds_left(self._seconds) + _GRACE), Writes.PERHAPS):
            yield

    async def close(self) -> None:
        """Stop preparing, if that is still going on."""
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.gather(self._preparing, return_exceptions=True)

    @asynccontextmanager
    async def _lent(self, writes: Writes) -> AsyncIterator[AsyncConnection]:
        limit = TimeLimit(time_limit.seconds_left(self._seconds))
        async with AsyncExitStack() as stack:
            # Nothing has been sent before there is a connection, whatever goes wrong with getting one.
            async with translated(limit, Writes.BEFORE if writes is Writes.BEFORE else Writes.NOTHING):
                await self._ready()
                with self._waiting():
                    connection = await self._connected(stack)
            async with translated(limit, writes):
                yield connection

    async def _connected(self, stack: AsyncExitStack) -> AsyncConnection:
        """Take a connection, or wait for one of ours where the server gives no further one."""
        while True:
            try:
                return await stack.enter_async_context(self._engine.connect())
            except (asyncpg.TooManyConnectionsError, DBAPIError) as error:
                if not is_full(error) or not connections_of(self._engine):
                    raise
            await asyncio.sleep(_FULL_SECONDS)

    async def _ready(self) -> None:
        if self._usable:
            return
        # A migration may take longer than any request waits, so it belongs to none of them.
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.create_task(self._prepare_once(), name="prepare the schema")
            self._preparing.add_done_callback(_retrieve)
        await asyncio.shield(self._preparing)

    async def _prepare_once(self) -> None:
        await self._prepare()
        self._usable = True

    @abstractmethod
    async def _prepare(self) -> None:
        """Bring the schema into the state that is needed, or tell why it cannot be."""
        raise NotImplementedError


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of how it ended even if nobody waits any more, or asyncio complains at exit."""
    if not task.cancelled():
        task.exception()
