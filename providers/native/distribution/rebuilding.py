"""A table rebuilt so that it can be distributed: in one piece, without triggers and policies, with computed columns.

Citus takes no triggers, and no policies with subqueries. What triggers derive on one server, columns that are generated
do here: each is one field of the text in the column `unknown` (see `providers/native/further.py`). The number of the
transaction that changed a row says nothing where each node counts its own, so there is no column of it, and no recall
index or feed that would need it.
"""

import re

from providers.errors import Misconfigured
from providers.native.columns import COLUMNS, Column
from providers.native.distribution.facts import ColumnFacts, TableFacts

EVERYBODY = "PUBLIC"
TRANSACTION = "changed"  # the column that says which transaction changed a row

# What stands in for each trigger: the columns that are generated; the column that is left out; the statements, which
# take an analysis and a former vector away with the text that they were made of; and for the last four nothing: no
# history of memories is kept there, and what was erased is refused by the chain alone.
REPLACED_TRIGGERS = frozenset(
    {
        "ninai_memories_derive",
        "ninai_memories_stamp",
        "ninai_memories_outdate",
        "ninai_memories_former",
        "ninai_memories_history",
        "ninai_memories_buried",
        "ninai_memories_refuse",
        "ninai_history_refuse",
    }
)

# What only triggers look after: a row that stayed would outlive the deletion of its memory.
UNKEPT_TABLES = frozenset({"ninai_history"})

# Escapes of what PostgreSQL's JSON cannot hold become a mark, in whatever field they stand, as the triggers have it.
_FIELD = r"""
CREATE OR REPLACE FUNCTION ninai_field(fields text, name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN strpos(fields, '"' || name || '"') > 0 THEN CAST(
    regexp_replace(fields, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
) ->> name END
"""

# Moments are written with their zone, UTC, so that the zone of the session does not count.
_MOMENT_FIELD = """
CREATE OR REPLACE FUNCTION ninai_moment_field(fields text, name text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN
    RETURN CAST(ninai_field(fields, name) AS timestamptz);
END $$
"""

FIELD_FUNCTIONS = ("ninai_field(text,text)", "ninai_moment_field(text,text)")

_GENERATED = {
    "jsonb": "CAST(ninai_field(unknown, '{name}') AS jsonb)",
    "text": "ninai_field(unknown, '{name}')",
    "timestamptz": "ninai_moment_field(unknown, '{name}')",
    "int8": "CAST(ninai_field(unknown, '{name}') AS int8)",  # a number that may be missing
    "bigint": "coalesce(CAST(ninai_field(unknown, '{name}') AS bigint), 0)",
}

# Index-only scans need vacuumed pages, so inserts must trigger a vacuum earlier than by default.
_STORAGE = "WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.05)"

_DERIVED = {column.name: column for column in COLUMNS if column.derived}


def takes_rebuilding(table: TableFacts) -> bool:
    """Return whether a table cannot be distributed as it is."""
    return table.key is None and bool(table.partitioned or table.triggers or table.policies)


def rebuilt(table: TableFacts, *, partitions: int = 0) -> tuple[str, ...]:
    """Return the statements that rebuild a table, for one transaction; with `partitions` it is made of so many.

    Raises:
        Misconfigured: it has a trigger that nothing here stands in for.
    """
    strange = [trigger for trigger in table.triggers if trigger not in REPLACED_TRIGGERS]
    if strange:
        raise Misconfigured(
            f"{table.name} has triggers that a distributed table cannot have, and that this version does not replace:"
            f" {', '.join(strange)}"
        )
    former = f"{table.name}_former"
    columns = [column for column in table.columns if column.name != TRANSACTION]
    lines = [*map(_line, columns), *filter(_is_check, table.constraints)]
    copied = ", ".join(column.name for column in columns if not _is_generated(column))
    how = "PARTITION BY HASH (user_id)" if partitions else _STORAGE
    return (
        f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE",
        "SELECT set_config('ninai.tenants', '*', true)",
        _FIELD,
        _MOMENT_FIELD,
        f"ALTER TABLE {table.name} RENAME TO {former}",
        f"CREATE TABLE {table.name} ({', '.join(lines)}) {how}",
        *_parts(table.name, partitions),
        *(
            f"ALTER TABLE {table.name} ALTER COLUMN {column.name} SET STORAGE {column.storage}"
            for column in columns
            if column.storage
        ),
        *(
            f"ALTER TABLE {table.name} ALTER COLUMN {column.name} SET STATISTICS 0"
            for column in columns
            if not column.sampled
        ),
        *(
            [f"INSERT INTO {table.name} ({copied}) SELECT {copied} FROM {former}"]  # noqa: S608 - names out of the catalog
            if table.name not in UNKEPT_TABLES
            else []
        ),
        f"DROP TABLE {former}",
        *(f"ALTER TABLE {table.name} ADD {one}" for one in table.constraints if not _is_check(one)),
        *(index for index in table.indexes if not _names_transaction(index)),
        f"ALTER TABLE {table.name} OWNER TO {_quoted(table.owner)}",
        *(f"GRANT {privilege} ON {table.name} TO {_role(grantee)}" for grantee, privilege in table.grants),
    )


def _line(column: ColumnFacts) -> str:
    value = _value(column)
    return f"{column.name} {column.type}{value}{' NOT NULL' if column.not_null else ''}"


def _value(column: ColumnFacts) -> str:
    derived = _DERIVED.get(column.name)
    if derived is not None:
        return f" GENERATED ALWAYS AS ({derivation(derived)}) STORED"
    if column.default is None:
        return ""
    return f" GENERATED ALWAYS AS ({column.default}) STORED" if column.generated else f" DEFAULT {column.default}"


def derivation(column: Column) -> str:
    """Return the expression in SQL by which a derived column is one field of the text in `unknown`."""
    return _GENERATED[str(column.type)].format(name=column.name)


def _is_generated(column: ColumnFacts) -> bool:
    return column.generated or column.name in _DERIVED


def _is_check(constraint: str) -> bool:
    return " CHECK " in constraint


def _names_transaction(index: str) -> bool:
    return re.search(rf"\b{TRANSACTION}\b", index) is not None


def _parts(table: str, partitions: int) -> tuple[str, ...]:
    return tuple(
        f"CREATE TABLE {table}_part_{part:02} PARTITION OF {table}"
        f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {part}) {_STORAGE}"
        for part in range(partitions)
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _role(name: str) -> str:
    return name if name == EVERYBODY else _quoted(name)
