"""Row-level security on the tables of memories and their versions: whether it is in force, and for whom."""

from typing import Any

import structlog
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.migrations import WallState
from providers.native.wall import ALL

_TABLES = """
    SELECT oid FROM pg_catalog.pg_class WHERE oid IN (to_regclass('ninai_memories'), to_regclass('ninai_history'))
    UNION ALL
    SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = CAST('ninai_memories' AS regclass)
"""
_NAMES = text(f"SELECT CAST(CAST(oid AS regclass) AS text) FROM ({_TABLES}) AS ours")  # noqa: S608 - joined from constants

STATE = f"""
    SELECT CAST(current_user AS text) AS role, bool_and(relrowsecurity AND relforcerowsecurity) AS up,
        (SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user) AS bypassed,
        bool_and(pg_has_role(relowner, 'USAGE')) AS owned,
        EXISTS (SELECT FROM ninai_memories WHERE {ALL} AND user_id < ' ') AS tenants
    FROM pg_catalog.pg_class WHERE oid IN ({_TABLES})
"""  # noqa: S608 - joined from constants
_STATE = text(STATE)

# Behind a policy PostgreSQL finds rows by an index only where its operator tells nothing of those that are hidden.
# That of containment answers yes or no, and is not marked so; to mark it takes a superuser.
_CONTAINMENT = "pg_catalog.jsonb_contains(jsonb, jsonb)"
MARK = f"ALTER FUNCTION {_CONTAINMENT} LEAKPROOF"
LEADS = f"SELECT proleakproof FROM pg_catalog.pg_proc WHERE oid = CAST('{_CONTAINMENT}' AS regprocedure)"  # noqa: S608 - joined from constants
_MARKED = text(f"""
    SELECT proleakproof AS marked, (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
        AND NOT CAST(current_setting('transaction_read_only') AS boolean) AS markable
    FROM pg_catalog.pg_proc WHERE oid = CAST('{_CONTAINMENT}' AS regprocedure)
""")  # noqa: S608 - joined from constants
_ONE_AT_A_TIME = text(f"SELECT pg_advisory_xact_lock(hashtext('{MARK}'))")  # two that mark at once would fail

_RAISE = "ALTER TABLE {} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"  # the owner is held by it as well
_LOWER = "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"

_log = structlog.get_logger(__name__)


class RowSecurity:
    """Raise and lower the wall, as the `owner` of the tables; `engine` connects as the role that uses them."""

    def __init__(self, engine: AsyncEngine, owner: AsyncEngine) -> None:
        self._engine = engine
        self._owner = owner

    async def state(self) -> WallState:
        """Return what holds for the role that reads and writes memories."""
        return await _state(self._engine)

    async def switch(self, *, up: bool) -> WallState:
        """Raise or lower the wall, in one transaction that waits for the statements under way; return what holds then.

        Raises:
            DBAPIError: this role may not.
        """
        async with self._owner.connect() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                for name in (await connection.scalars(_NAMES)).all():
                    await connection.execute(text((_RAISE if up else _LOWER).format(name)))
        return await self.state()

    async def ensure(self) -> bool:
        """Raise the wall if it is down and this role may; return whether it holds, and say so in the log if not."""
        state = await self.state()
        if not state.up and (await _state(self._owner)).owned:
            state = await self.switch(up=True)
            _log.info("row_level_security_raised", role=state.role)
        holds = state.up and not state.bypassed
        if not holds:
            _log.warning("row_level_security_absent", role=state.role, raised=state.up, bypassed=state.bypassed)
        return holds

    async def let_index_lead(self) -> bool:
        """Return whether an index on metadata leads to memories behind the wall, and let it where the owner may."""
        async with self._owner.connect() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                known = (await connection.execute(_MARKED)).one()
                if known.marked or not known.markable:
                    return bool(known.marked)
                await connection.execute(_ONE_AT_A_TIME)
                if not (await connection.execute(_MARKED)).one().marked:
                    await connection.execute(text(MARK))
        return True


def wall_state_of(row: Row[Any]) -> WallState:
    """Return the state that the row of `STATE` tells."""
    return WallState(role=row.role, up=row.up, bypassed=row.bypassed, owned=row.owned, tenants=row.tenants)


async def _state(engine: AsyncEngine) -> WallState:
    async with engine.connect() as connection:
        return wall_state_of((await connection.execute(_STATE)).one())
