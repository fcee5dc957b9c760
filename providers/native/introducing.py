"""What a database tells about itself as a store: its name, the mark of a chain, and the history of its server."""

from typing import Any

import structlog
from msgspec.structs import asdict
from sqlalchemy import Row, text

from providers.errors import Misconfigured
from providers.introduction import Introduction, StoreMark
from providers.native.database import Database
from providers.postgres.translate import UnexpectedSqlState

_FIELDS = StoreMark.__struct_fields__

# The timeline changes at once when a server is promoted, while that of pg_control_checkpoint() waits for a checkpoint.
# A server in recovery has none of its own, and follows whatever its primary does. A database that was made from a copy
# has another oid. The functions are for every role unless an administrator has taken them away.
LINEAGE = """CASE WHEN NOT pg_is_in_recovery() THEN concat_ws(
    '/',
    (SELECT system_identifier FROM pg_catalog.pg_control_system()),
    substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8),
    (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
) END"""
_STORE = f"SELECT id, {', '.join(f'mark_{name}' for name in _FIELDS)}, {{lineage}} AS lineage FROM ninai_store"  # noqa: S608 - joined from constants
_WITH_LINEAGE = text(_STORE.format(lineage=LINEAGE))
_WITHOUT_LINEAGE = text(_STORE.format(lineage="NULL"))

_TYPES = {"installation": "text", "journal": "text", "epoch": "bigint", "number": "bigint"} | {
    "at": "double precision",
    "pending": "boolean",
}
_LEAVE_MARK = text(f"""
    UPDATE ninai_store SET {", ".join(f"mark_{name} = :{name}" for name in _FIELDS)}
    WHERE {" AND ".join(f"mark_{name} IS NOT DISTINCT FROM CAST(:former_{name} AS {_TYPES[name]})" for name in _FIELDS)}
""")  # noqa: S608 - joined from constants
_MAY_MARK = text("SELECT has_table_privilege(tableoid, 'UPDATE') AS granted FROM ninai_store")

_log = structlog.get_logger(__name__)


class StoreTable:
    """The table of one row that says which store this is, and whose."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told = True  # its lineage, as far as is known
        self._refuses_marks = False

    async def introduction(self) -> Introduction:
        """Return what the table and its server tell, in one statement.

        Raises:
            Misconfigured: the row was deleted.
        """
        rows = await self._database.rows(_WITHOUT_LINEAGE) if not self._told else await self._rows()
        if not rows:
            raise Misconfigured("the table ninai_store has lost its row: insert one to name this database")
        [row] = rows
        return Introduction(identity=f"postgresql:{row.id}", lineage=row.lineage, mark=_mark_in(row))

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """Put a mark in the place of the former one; return whether it was there, and may be replaced."""
        if self._refuses_marks:
            return False
        before = dict.fromkeys(_FIELDS) if former is None else asdict(former)
        values = asdict(mark) | {f"former_{name}": value for name, value in before.items()}
        try:
            return await self._database.change(_LEAVE_MARK, values) == 1
        except Misconfigured as error:
            # Older versions wrote nothing but memories, so a role may have leave for no more.
            rows = await self._database.rows(_MAY_MARK)
            if not rows or rows[0].granted:
                raise
            _log.warning("store_mark_not_kept", reason=str(error))
            self._refuses_marks = True
            return False

    async def _rows(self) -> Any:  # noqa: ANN401 - rows have no types
        try:
            return await self._database.rows(_WITH_LINEAGE)
        except (Misconfigured, UnexpectedSqlState) as error:
            # A managed service may have taken the functions away, each with an error of its own.
            rows = await self._database.rows(_WITHOUT_LINEAGE)
            _log.info("store_lineage_not_told", reason=str(error))
            self._told = False
            return rows


def _mark_in(row: Row[Any]) -> StoreMark | None:
    if row.mark_epoch is None:
        return None
    return StoreMark(**{name: getattr(row, f"mark_{name}") for name in _FIELDS})
