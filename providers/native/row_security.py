"""Row-level security on the table of memories: whether it is in force, and for whom."""

import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from providers.native.wall import ALL

_TABLES = """
    SELECT oid FROM pg_catalog.pg_class WHERE oid = CAST('ninai_memories' AS regclass)
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

_RAISE = "ALTER TABLE {} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"  # the owner is held by it as well
_LOWER = "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"

_log = structlog.get_logger(__name__)


class WallState(Struct, frozen=True, kw_only=True):
    """Whether row-level security is `up` on the table and all partitions, and what it means for the role that asks.

    It does not hold a role by which it is `bypassed`; one by which the tables are `owned` can raise it and lower it.
    `tenants` is whether there are memories of a tenant beside the default one.
    """

    role: str
    up: bool
    bypassed: bool
    owned: bool
    tenants: bool


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

    async def ensure(self) -> None:
        """Raise the wall if it is down and this role may; say so in the log where it does not hold."""
        state = await self.state()
        if not state.up and (await _state(self._owner)).owned:
            state = await self.switch(up=True)
            _log.info("row_level_security_raised", role=state.role)
        if not state.up or state.bypassed:
            _log.warning("row_level_security_absent", role=state.role, raised=state.up, bypassed=state.bypassed)


async def _state(engine: AsyncEngine) -> WallState:
    async with engine.connect() as connection:
        row = (await connection.execute(_STATE)).one()
    return WallState(role=row.role, up=row.up, bypassed=row.bypassed, owned=row.owned, tenants=row.tenants)
