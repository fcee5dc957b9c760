"""The superseded versions of memories in their table: put, read in pages, and dropped when they are old."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from msgspec import Struct
from sqlalchemy import Row

from providers.errors import ProviderError
from providers.history import HistoryPage, HistoryQuery, history_page
from providers.limits import MAX_VERSION
from providers.native import history_sql
from providers.native.columns import insert_values
from providers.native.database import Database
from providers.native.further import parts_of
from providers.native.rows import Key, MemoryRow, key_of
from providers.native.wall import tenants_of, values_of
from providers.owners import Owner
from providers.postgres.translate import UnexpectedSqlState
from providers.retention import Retention
from providers.states.clock import HybridClock
from providers.timing.turns import in_turns
from providers.types import Snapshot
from providers.versions_by_store import VersionOf

SWEEP_SECONDS = 3_600.0  # between two looks for what is old
_FIRST_SWEEP_SECONDS = 30.0  # after the start of a process, which has other work
_AT_ONCE = 1_000  # versions that one statement drops

_log = structlog.get_logger(__name__)


class VersionTable(Struct, frozen=True):
    """Keep versions beside the newest ones as long as the retention says."""

    database: Database
    retention: Retention
    clock: HybridClock

    @property
    def kept_versions(self) -> dict[str, Any]:
        """The value of every statement that may replace a version."""
        return {"kept_versions": str(self.retention.keep)}

    @property
    def oldest(self) -> int:
        """The oldest version that may be kept now."""
        return self.retention.oldest(self.clock.milliseconds())

    async def put(self, states: Sequence[Snapshot]) -> set[Key]:
        """Keep versions; return the keys of those whose memories were deleted. A repeat is harmless."""
        now_ms = self.clock.milliseconds()
        young = [state for state in states if self.retention.keeps(state.version, now_ms)]
        if not young:
            return set()
        rows = [MemoryRow(state=state) for state in young]
        parts = await insert_values(rows, history_sql.VERSION)
        gone = await self.database.write_parts(history_sql.PUT, parts)
        keys = sorted({key_of(state) for state in young})
        user_ids, ids = zip(*keys, strict=True)
        values = {"user_ids": user_ids, "ids": ids, "tenants": tenants_of(user_ids), "keep": self.retention.keep}
        await self.database.change(history_sql.TIDY, values)
        return {(row.user_id, str(row.id)) for row in gone}

    async def kept_of(self, states: Sequence[Snapshot]) -> set[VersionOf]:
        """Return which of some versions are kept."""
        if not states:
            return set()
        user_ids, ids, versions = zip(*((one.user_id, one.id, one.version) for one in states), strict=True)
        values: dict[str, Any] = {"user_ids": user_ids, "ids": ids, "versions": versions, "oldest": self.oldest}
        rows = await self.database.rows(history_sql.KEPT_OF, values | {"tenants": tenants_of(user_ids)})
        return {(Owner.of_key(row.user_id), (str(row.id), row.version)) for row in rows}

    async def page(self, query: HistoryQuery, newest: Snapshot) -> HistoryPage:
        """Return a page of the history of a memory, of which the newest version is known."""
        values: dict[str, Any] = values_of(query.owner) | {
            "id": newest.id,
            "newest": newest.version,
            "oldest": self.oldest,
            "keep": self.retention.keep,
        }
        [kept] = await self.database.rows(history_sql.KEPT, values)
        floor = int(kept.floor) if kept.found == self.retention.keep else 0
        some = values | {
            "floor": floor,
            "before": MAX_VERSION if query.before is None else query.before,
            "limit": query.limit + 1,  # one more shows that there are others
            "most_bytes": query.most_bytes or _NO_BOUND,
        }
        del some["keep"]
        rows = await self.database.rows(history_sql.PAGE, some)
        versions = await in_turns(version_of, rows)
        cut = bool(rows) and rows[0].found > len(rows)
        return await history_page(query, newest, versions, floor, more=cut)

    async def superseded(self, owner: Owner, limit: int, after: tuple[str, int] | None) -> list[Snapshot]:
        """Return an owner's versions by ascending id and version, those behind a place."""
        values: dict[str, Any] = values_of(owner) | {"limit": limit, "oldest": self.oldest}
        statement = history_sql.SUPERSEDED
        if after is not None:
            memory_id, version = after
            values |= {"after": memory_id, "after_version": version}
            statement = history_sql.SUPERSEDED_AFTER
        return await in_turns(version_of, await self.database.rows(statement, values))

    async def run(self) -> None:
        """Drop what is old, until cancelled."""
        await asyncio.sleep(_FIRST_SWEEP_SECONDS)
        while True:
            try:
                dropped = await self.sweep()
            except (ProviderError, UnexpectedSqlState) as error:
                _log.debug("history_sweep_postponed", reason=str(error))
            else:
                if dropped:
                    _log.info("versions_dropped", count=dropped)
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Drop versions that are older than the retention, and those of deleted or other memories; return how many."""
        await self.database.ready()
        if self.database.distributed:
            return 0  # nothing is kept there
        nothing = self.retention.keep == 0
        oldest = MAX_VERSION if nothing else self.oldest
        dropped = 0
        for statement, values in (
            (history_sql.DROP_OLD, {"oldest": oldest, "all": nothing}),
            (history_sql.DROP_BURIED, dict[str, Any]()),
            (history_sql.DROP_FOREIGN, dict[str, Any]()),
        ):
            while count := await self.database.change(statement, values | {"limit": _AT_ONCE}):
                dropped += count
        return dropped


_NO_BOUND = 2**62  # bytes


def version_of(row: Row[Any]) -> Snapshot:
    """Return a version from a row that begins with the columns of `VERSION`."""
    fields = {column.name: value for column, value in zip(history_sql.VERSION, row, strict=False)}
    read = {
        column.name: column.read(fields[column.name])
        for column in history_sql.VERSION
        if column.read is not None and column.name != "unknown"
    }
    return Snapshot(**fields | read | parts_of(fields["unknown"]))
