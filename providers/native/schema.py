"""The schema's version: upgrade a database to that of this code, compare the two, list the history."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.errors import Misconfigured
from providers.migrations import Distributing, DistributionStep, Revision, SchemaState, WallState
from providers.native.distribution.distributing import SEQUENTIAL, Distribution
from providers.native.distribution.reading import CITUS, IN_FORM
from providers.native.row_security import RowSecurity
from providers.postgres.encoding import ENCODING, check_encoding

VERSION_TABLE = "ninai_schema_version"

# "ninai" in ASCII: one key for every migration, so that processes that start at once take turns.
MIGRATION_LOCK = 0x6E696E6169

_upgrading: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class Schema:
    """The revisions in a folder, applied to and compared with a database."""

    def __init__(self, engine: AsyncEngine, folder: Path = Path(__file__).parent / "migrations") -> None:
        self._engine = engine
        self._config = Config()
        self._config.set_main_option("script_location", str(folder).replace("%", "%%"))
        self._config.set_main_option("path_separator", "os")
        self._scripts = ScriptDirectory.from_config(self._config)

    def history(self) -> list[Revision]:
        """Return every revision of this code, oldest first."""
        steps = reversed(list(self._scripts.walk_revisions()))
        return [Revision(id=step.revision, title=(step.doc or "").rstrip(".")) for step in steps]

    async def state(self) -> SchemaState:
        """Return the state of the database's schema; change nothing.

        Raises:
            Misconfigured: the database cannot hold every text.
        """
        async with self._engine.connect() as connection:
            return await connection.run_sync(self._state)

    async def upgrade(self) -> SchemaState:
        """Apply what is missing, in one transaction and one at a time across all replicas.

        A schema that is made where Citus is, is distributed at once, before it holds anything.

        Raises:
            Misconfigured: still not usable afterwards, or the database cannot hold every text.
        """
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                citus = (await connection.exec_driver_sql(CITUS)).scalar()
                if citus is not None:
                    await connection.execute(text(SEQUENTIAL))
                made = (await connection.run_sync(self._state)).current is None
                async with _alone_in_this_loop():
                    await connection.run_sync(self._upgrade)
                state = await connection.run_sync(self._state)
        if not state.usable:
            raise Misconfigured(f"the schema is at {state.current}, and {state.pending} could not be applied")
        if made and citus is not None:
            await self.distribute(lambda _step: None)
        return state

    async def wall(self, *, up: bool) -> WallState:
        """Raise or lower the wall between tenants; see `Migrations`.

        Raises:
            Misconfigured: the memories are in the form to be distributed, which has no policies.
        """
        async with self._engine.connect() as connection:
            if (await connection.exec_driver_sql(IN_FORM)).scalar():
                raise Misconfigured("a distributed database has no row-level security: keys keep its tenants apart")
        security = RowSecurity(self._engine, self._engine)
        state = await security.switch(up=up)
        if up:
            await security.let_index_lead()
        return state

    async def distribution(self) -> Distributing:
        """Return what is still to be done until the database is distributed; see `Migrations`."""
        await self._check_applied()
        return await Distribution(self._engine).plan()

    async def distribute(self, begins: Callable[[DistributionStep], None]) -> Distributing:
        """Distribute the database; see `Migrations`."""
        await self._check_applied()
        return await Distribution(self._engine).make(begins)

    async def _check_applied(self) -> None:
        state = await self.state()
        if not state.usable and state.current is not None:
            raise Misconfigured(f"the schema is at {state.current}: run `ninai db upgrade` first")

    def _state(self, connection: Connection) -> SchemaState:
        check_encoding(str(connection.scalar(ENCODING)))
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        current = context.get_current_revision()
        steps = [revision.id for revision in self.history()]
        done = steps.index(current) + 1 if current in steps else len(steps)
        pending = steps if current is None else steps[done:]
        return SchemaState(current=current, newest=steps[-1], pending=pending)

    def _upgrade(self, connection: Connection) -> None:
        if self._state(connection).pending:
            self._config.attributes["connection"] = connection
            command.upgrade(self._config, "head")


def _alone_in_this_loop() -> asyncio.Lock:
    """Alembic works on names of a module, so that two upgrades, of two databases, must not take turns."""
    return _upgrading.setdefault(asyncio.get_running_loop(), asyncio.Lock())
