"""A look at the layout of a database, by statements that only read."""

from collections import defaultdict
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from providers.native.distribution.facts import ColumnFacts, DatabaseLayout, FunctionFacts, NodeFacts, TableFacts
from providers.native.distribution.rebuilding import EVERYBODY, TRANSACTION

CITUS = "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'citus'"

# Whether the table of memories has the form in which it can be distributed; without one there is no schema yet.
IN_FORM = f"""
    SELECT NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid = to_regclass('ninai_memories') AND attname = '{TRANSACTION}' AND NOT attisdropped
    ) AND to_regclass('ninai_memories') IS NOT NULL
"""  # noqa: S608 - joined from constants

# Those of the schema: the journal's, which may lie in the same database, stay as they are; shards have numbers.
_OURS = r"""
    pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND starts_with(c.relname, 'ninai_') AND NOT starts_with(c.relname, 'ninai_journal')
    AND c.relname !~ '_\d{4,}$'
"""
_TABLES = f"""
    SELECT c.oid, c.relname AS name, pg_get_userbyid(c.relowner) AS owner, c.relkind = 'p' AS partitioned
    FROM pg_catalog.pg_class AS c WHERE {_OURS} ORDER BY 2
"""  # noqa: S608 - as above
_COLUMNS = f"""
    SELECT c.relname AS name, a.attname AS column, a.attnotnull AS not_null, a.attgenerated <> '' AS generated,
        format_type(a.atttypid, a.atttypmod) || CASE
            WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || quote_ident(l.collname) ELSE '' END AS type,
        pg_get_expr(d.adbin, d.adrelid) AS default,
        CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage
            WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END AS storage,
        coalesce(a.attstattarget, -1) <> 0 AS sampled
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE {_OURS} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum
"""  # noqa: S608 - as above
_CONSTRAINTS = f"""
    SELECT c.relname AS name,
        'CONSTRAINT ' || quote_ident(o.conname) || ' ' || pg_get_constraintdef(o.oid) AS definition
    FROM pg_catalog.pg_constraint AS o JOIN pg_catalog.pg_class AS c ON c.oid = o.conrelid
    WHERE {_OURS} AND o.contype IN ('c', 'p', 'u', 'f', 'x') ORDER BY 1, 2
"""  # noqa: S608 - as above
_INDEXES = f"""
    SELECT c.relname AS name, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS definition
    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
    WHERE {_OURS} AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = i.indexrelid) ORDER BY 1, 2
"""  # noqa: S608 - as above
_TRIGGERS = f"""
    SELECT c.relname AS name, g.tgname AS definition
    FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid
    WHERE {_OURS} AND NOT g.tgisinternal ORDER BY 1, 2
"""  # noqa: S608 - as above
_POLICIES = f"""
    SELECT c.relname AS name, p.polname AS definition
    FROM pg_catalog.pg_policy AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid WHERE {_OURS} ORDER BY 1, 2
"""  # noqa: S608 - as above
_GRANTS = f"""
    SELECT c.relname AS name, g.privilege_type AS privilege,
        CASE g.grantee WHEN 0 THEN '{EVERYBODY}' ELSE pg_get_userbyid(g.grantee) END AS grantee
    FROM pg_catalog.pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS g
    WHERE {_OURS} AND g.grantee <> c.relowner ORDER BY 1, 3, 2
"""  # noqa: S608 - as above
# Neither those of triggers, which no node has, nor what reads small tables as their owner, which is the coordinator's.
_FUNCTIONS = """
    SELECT p.oid, p.proname || '(' || replace(oidvectortypes(p.proargtypes), ', ', ',') || ')' AS signature
    FROM pg_catalog.pg_proc AS p
    WHERE pg_function_is_visible(p.oid) AND starts_with(p.proname, 'ninai_')
        AND p.prorettype <> CAST('trigger' AS regtype) AND NOT p.prosecdef ORDER BY 2
"""

# Of Citus, whose tables and functions may be in any schema of the search path.
_COORDINATOR = "SELECT citus_is_coordinator()"
_NODES = """
    SELECT nodename || ':' || nodeport AS name, isactive AS active, shouldhaveshards AS holds_shards
    FROM pg_dist_node WHERE noderole = 'primary' ORDER BY nodeid
"""
_DISTRIBUTED = """
    SELECT CAST(logicalrel AS oid) AS oid, CAST(partmethod AS text) AS partmethod,
        column_to_column_name(logicalrel, CAST(partkey AS text)) AS key
    FROM pg_dist_partition
"""
_ON_ALL_NODES = "SELECT objid AS oid FROM pg_dist_object WHERE classid = CAST('pg_proc' AS regclass)"
_SETTINGS = """
    SELECT nodename || ':' || nodeport AS name, success, result
    FROM run_command_on_all_nodes($$SELECT string_agg(name || '=' || setting, ';') FROM pg_settings
        WHERE name IN ('wal_level', 'max_connections', 'output_plugin_libraries')$$)
    JOIN pg_dist_node USING (nodeid)
"""
_BY_HASH = "h"


async def layout_of(connection: AsyncConnection) -> DatabaseLayout:
    """Look at a database; nothing is asked of Citus where it is not."""
    citus = (await connection.exec_driver_sql(CITUS)).scalar()
    keys: dict[int, str | None] = {}
    everywhere: set[int] = set()
    nodes: tuple[NodeFacts, ...] = ()
    coordinator = True
    if citus is not None:
        coordinator = bool((await connection.exec_driver_sql(_COORDINATOR)).scalar())
        known = await _rows(connection, _DISTRIBUTED)
        keys = {row.oid: row.key if row.partmethod == _BY_HASH else None for row in known}
        everywhere = {row.oid for row in await _rows(connection, _ON_ALL_NODES)}
        settings = await _settings(connection)
        nodes = tuple(
            NodeFacts(
                name=row.name, active=row.active, holds_shards=row.holds_shards, settings=settings.get(row.name, {})
            )
            for row in await _rows(connection, _NODES)
        )
    return DatabaseLayout(
        citus=citus,
        coordinator=coordinator,
        nodes=nodes,
        tables=await _tables(connection, keys),
        functions=tuple(
            FunctionFacts(signature=row.signature, everywhere=row.oid in everywhere)
            for row in await _rows(connection, _FUNCTIONS)
        ),
    )


async def _tables(connection: AsyncConnection, keys: dict[int, str | None]) -> tuple[TableFacts, ...]:
    columns = defaultdict[str, list[ColumnFacts]](list)
    for row in await _rows(connection, _COLUMNS):
        columns[row.name].append(
            ColumnFacts(
                name=row.column,
                type=row.type,
                not_null=row.not_null,
                default=row.default,
                generated=row.generated,
                storage=row.storage,
                sampled=row.sampled,
            )
        )
    grants = defaultdict[str, list[tuple[str, str]]](list)
    for row in await _rows(connection, _GRANTS):
        grants[row.name].append((row.grantee, row.privilege))
    constraints, indexes = await _defined(connection, _CONSTRAINTS), await _defined(connection, _INDEXES)
    triggers, policies = await _defined(connection, _TRIGGERS), await _defined(connection, _POLICIES)
    return tuple(
        [
            TableFacts(
                name=row.name,
                owner=row.owner,
                partitioned=row.partitioned,
                filled=row.oid not in keys and await _is_filled(connection, row.name),
                key=keys.get(row.oid),
                known_everywhere=row.oid in keys,
                columns=tuple(columns[row.name]),
                constraints=constraints[row.name],
                indexes=indexes[row.name],
                triggers=triggers[row.name],
                policies=policies[row.name],
                grants=tuple(grants[row.name]),
            )
            for row in await _rows(connection, _TABLES)
        ]
    )


async def _is_filled(connection: AsyncConnection, table: str) -> bool:
    """Return whether a table of this node has rows, of whichever tenant."""
    sql = f"SELECT set_config('ninai.tenants', '*', true), EXISTS (SELECT FROM {table}) AS filled"  # noqa: S608 - a name of ours
    row = (await connection.exec_driver_sql(sql)).one()
    return bool(row.filled)


async def _defined(connection: AsyncConnection, sql: str) -> defaultdict[str, tuple[str, ...]]:
    found = defaultdict[str, tuple[str, ...]](tuple)
    for row in await _rows(connection, sql):
        found[row.name] += (row.definition,)
    return found


async def _settings(connection: AsyncConnection) -> dict[str, dict[str, str]]:
    told = {}
    for row in await _rows(connection, _SETTINGS):
        if row.success and row.result:
            told[row.name] = dict(one.split("=", 1) for one in row.result.split(";"))
    return told


async def _rows(connection: AsyncConnection, sql: str) -> Any:  # noqa: ANN401 - rows have no types
    return (await connection.exec_driver_sql(sql)).all()
