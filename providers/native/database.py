"""The provider's database: a prepared database with the schema that the provider needs."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.errors import Misconfigured, Unavailable
from providers.native.distribution.forms import distributed_form, distributed_sql
from providers.native.distribution.reading import IN_FORM
from providers.native.row_security import RowSecurity
from providers.native.schema import Schema
from providers.postgres.bound_sql import BoundSql
from providers.postgres.database import PreparedDatabase
from providers.postgres.translate import DISK_FULL, PossibleWrites, TimeLimit, translated

_EMPTY_QUERY = text("SELECT 1")
_IN_FORM = text(IN_FORM)

_log = structlog.get_logger(__name__)


class Database(PreparedDatabase):
    """Lend connections, after the schema was found usable or upgraded once; `unpooled` is for what must not wait.

    The schema is looked after as the `owner` of the tables, which is the same role as any other where it is absent. A
    database that is `walled` gets row-level security if it has none yet, where that role may. `write_error` is why the
    last write found no room, None if it found some. Whether it is `distributed` by owner is known once it is ready, and
    whether an index on metadata `leads` to memories.
    """

    prepared_again = True  # it may have been put back to a time before its last migration
    lends_directly = True

    def __init__(
        self,
        engine: AsyncEngine,
        seconds: float,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        unpooled: AsyncEngine | None = None,
        owner: AsyncEngine | None = None,
        migrate: bool,
        walled: bool = False,
    ) -> None:
        super().__init__(engine, seconds, waiting)
        self._unpooled = unpooled or engine
        self._schema = Schema(owner or engine)
        self._wall = RowSecurity(engine, owner or engine) if walled else None
        self.walled = False
        self.leads = True
        self._migrate = migrate
        self.write_error: str | None = None
        self.distributed = False

    def formed(self, statement: TextClause, values: Mapping[str, Any]) -> tuple[TextClause, Mapping[str, Any]]:
        """See `PreparedDatabase`."""
        return distributed_form(statement, values) if self.distributed else (statement, values)

    def formed_sql(self, statement: BoundSql) -> BoundSql:
        """See `PreparedDatabase`."""
        return distributed_sql(statement) if self.distributed else statement

    def wrote(self, error: BaseException | None) -> None:
        """Note whether there was room for what was to be written."""
        if error is None:
            self.write_error = None
        elif isinstance(error, Unavailable) and error.reason == DISK_FULL:
            self.write_error = error.reason

    async def ping(self) -> None:
        """Run an empty query on a connection of its own.

        Raises:
            Unavailable: no answer.
        """
        async with translated(TimeLimit(self._seconds), PossibleWrites.NOTHING), self._unpooled.connect() as connection:
            await connection.execute(_EMPTY_QUERY)

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
        async with self._engine.connect() as connection:
            self.distributed = bool(await connection.scalar(_IN_FORM))
        if self._wall is not None and self.distributed:
            _log.warning("row_level_security_impossible", reason="its memories are in the form to be distributed")
        elif self._wall is not None:
            self.walled = await self._wall.ensure()
            self.leads = await self._wall.let_index_lead() or not self.walled
        # The connection that read the state may be older than a migration, ours or another process's, and then it does
        # not know the types that the migration created.
        await self._engine.dispose()
