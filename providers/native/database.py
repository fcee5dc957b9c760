"""The database as the provider sees it: a connection whose schema is ready, within a time limit, errors translated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from providers.errors import Misconfigured
from providers.native.schema import Schema
from providers.native.translate import translated


class Database:
    """Lend connections, after the schema has been found usable once.

    The database may be down when this is made and at any time later: whoever asks meanwhile gets `Unavailable`, and
    the first to ask after its return prepares the schema for all.
    """

    def __init__(self, engine: AsyncEngine, seconds: float, *, migrate: bool) -> None:
        self._engine = engine
        self._schema = Schema(engine)
        self._seconds = seconds
        self._migrate = migrate
        self._usable = False
        self._preparing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for something that stores nothing."""
        async with translated(self._seconds, writes=False):
            await self._ready()
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for a write; each statement commits by itself."""
        async with translated(self._seconds, writes=False):
            await self._ready()
        async with translated(self._seconds, writes=True), self._engine.connect() as connection:
            yield connection

    async def close(self) -> None:
        """Stop preparing, if that is still going on."""
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.gather(self._preparing, return_exceptions=True)

    async def _ready(self) -> None:
        if self._usable:
            return
        # A migration may take longer than any request waits, so it belongs to none of them.
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.create_task(self._prepare())
            self._preparing.add_done_callback(_retrieve)
        await asyncio.shield(self._preparing)

    async def _prepare(self) -> None:
        state = await self._schema.state()
        if not state.usable:
            if not self._migrate:
                raise Misconfigured(
                    f"the schema is at {state.current}, this version needs {state.newest}: ninai db upgrade"
                )
            await self._schema.upgrade()
            # Connections made before know nothing of the types that a migration brought.
            await self._engine.dispose()
        self._usable = True


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of how it ended even if nobody waits any more, or asyncio complains at exit."""
    if not task.cancelled():
        task.exception()
