"""The form that statements take over a table that is distributed by owner.

Citus refuses a statement that changes rows where it calls a volatile function, as the condition of `wall.py` does; a
recursive query; and it makes two of every INSERT that selects its rows. So there is no condition on tenants, whom their
keys alone keep apart, and none on history or the list of erased owners, which are not kept; the next owners are found
by one ordered scan of an index on every shard; and a few rows are inserted as values. Other statements are the same
everywhere.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec.structs import replace
from sqlalchemy import TextClause, text

from providers.native import replication_sql, statements
from providers.native.above_fence import without_fence
from providers.native.columns import FIRST, WRITTEN, Column, insertion_of_rows
from providers.native.replication_sql import COUNTS, HELD
from providers.native.wall import without_settings
from providers.postgres.bound_sql import BoundSql

# Rows that are inserted as values; for more of them one statement that selects them is quicker.
MOST_VALUES = 16

OWNERS = text("""
    SELECT DISTINCT user_id FROM ninai_memories
    WHERE user_id > CAST(:after AS text) ORDER BY user_id LIMIT CAST(:limit AS int)
""")

SUMMARIES = text(f"""
    SELECT user_id, {COUNTS}, 0 AS history FROM ninai_memories
    WHERE user_id > CAST(:after AS text) GROUP BY user_id ORDER BY user_id LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

HOLDINGS = text(f"""
    SELECT user_id, {HELD} FROM ninai_memories
    WHERE user_id > CAST(:after AS text) GROUP BY user_id ORDER BY user_id LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

# There are no changes there that could be counted; a tombstone has the version of its moment.
RECENTLY_DELETED_BY = text(str(statements.RECENTLY_DELETED_BY).replace("ORDER BY changed", "ORDER BY version"))

_OTHERS = {
    statements.RECENTLY_DELETED_BY: RECENTLY_DELETED_BY,
    replication_sql.OWNERS: OWNERS,
    replication_sql.SUMMARIES: SUMMARIES,
    replication_sql.HOLDINGS: HOLDINGS,
}
_OF_ROWS: dict[TextClause, tuple[Sequence[Column], str]] = {
    statements.PUT: (FIRST, statements.UNLESS_THERE),
    replication_sql.PUT_STATES: (WRITTEN, replication_sql.MERGED),
}


def distributed_form(statement: TextClause, values: Mapping[str, Any]) -> tuple[TextClause, Mapping[str, Any]]:
    """Return a statement and its values in the form for a distributed table."""
    if statement in _OF_ROWS and len(values["user_id"]) <= MOST_VALUES:
        return _as_values(statement, values)
    return _without_settings(_OTHERS.get(statement, statement)), values


@lru_cache(maxsize=512)
def distributed_text(sql: str) -> str:
    """Return a statement of the driver's own form in that for a distributed table."""
    return without_settings(sql)


def distributed_sql(statement: BoundSql) -> BoundSql:
    """Return a bound statement in the form for a distributed table, which is always planned by its values.

    Nothing is set for it, which would not reach the nodes.
    """
    return replace(statement, text=distributed_text(statement.text), planned_by_values=False, in_page_order=False)


def _as_values(statement: TextClause, values: Mapping[str, Any]) -> tuple[TextClause, dict[str, Any]]:
    """Return the insertion of a few rows, in the order in which all statements lock them."""
    columns, _ = _OF_ROWS[statement]
    names = [column.name for column in columns if column.type is not None]
    none = [None] * len(values["user_id"])  # what an empty array stands for
    rows = sorted(zip(*(values[name] or none for name in names), strict=True), key=lambda row: row[:2])
    bound = {f"{name}_{place}": value for place, row in enumerate(rows) for name, value in zip(names, row, strict=True)}
    return _insertion(statement, len(rows)), bound


@lru_cache(maxsize=256)
def _insertion(statement: TextClause, count: int) -> TextClause:
    columns, on_conflict = _OF_ROWS[statement]
    return text(f"{insertion_of_rows(columns, count)} {on_conflict}")


@lru_cache(maxsize=256)
def _without_settings(statement: TextClause) -> TextClause:
    return text(without_fence(without_settings(statement.text)))
