"""The provider's database: the common one, with the schema that the provider needs."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.errors import Misconfigured
from providers.native.schema import Schema
from providers.postgres.database import PreparedDatabase
from providers.postgres.translate import PossibleWrites, TimeLimit, translated

_NOTHING = text("SELECT 1")


class Database(PreparedDatabase):
    """Lend connections, after the schema has been found usable or made so once; `aside` is for what must not wait."""

    def __init__(
        self,
        engine: AsyncEngine,
        seconds: float,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        aside: AsyncEngine | None = None,
        migrate: bool,
    ) -> None:
        super().__init__(engine, seconds, waiting)
        self._aside = aside or engine
        self._schema = Schema(engine)
        self._migrate = migrate

    async def ping(self) -> None:
        """Ask for nothing, on a connection of its own.

        Raises:
            Unavailable: no answer.
        """
        async with translated(TimeLimit(self._seconds), PossibleWrites.NOTHING), self._aside.connect() as connection:
            await connection.execute(_NOTHING)

    async def _prepare(self) -> None:
        async with asyncio.timeout(self._seconds):
            state = await self._schema.state()
        if not state.usable:
            if not self._migrate:
                raise Misconfigured(
                    f"the schema is at {state.current or 'nothing yet'}, this version needs {state.newest}:"
                    " run `ninai db upgrade`"
                )
            await self._schema.upgrade()
        # The connection that looked may have been made before a migration, ours or another replica's, and then knows
        # nothing of the types that the migration brought.
        await self._engine.dispose()
