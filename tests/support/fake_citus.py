"""The catalog and the functions of Citus in a plain database, as far as distributing asks for them.

They keep in tables what they are told, and refuse what Citus refuses: triggers, policies with subqueries, partitions
where a table is distributed online, whatever is done twice. No rows leave the server.
"""

from tests.support.postgres import connected

_OID = 990_001

_CATALOG = f"""
    SET allow_system_table_mods = on;
    INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        VALUES ({_OID}, 'citus', 10, 11, false, '14.0-1');
    SET allow_system_table_mods = off;
    CREATE TABLE pg_dist_node (
        nodeid int PRIMARY KEY, nodename text, nodeport int, noderole text, isactive bool, shouldhaveshards bool
    );
    INSERT INTO pg_dist_node VALUES (1, 'coordinator', 5432, 'primary', true, false),
        (2, 'worker-1', 5432, 'primary', true, true), (3, 'worker-2', 5432, 'primary', true, true);
    CREATE TABLE pg_dist_partition (logicalrel regclass PRIMARY KEY, partmethod "char", partkey text);
    CREATE TABLE pg_dist_object (classid oid, objid oid, PRIMARY KEY (classid, objid));
    CREATE TABLE said (place int GENERATED ALWAYS AS IDENTITY, what text);
"""  # noqa: S608 - joined from constants

_FUNCTIONS = """
    CREATE FUNCTION citus_is_coordinator() RETURNS bool LANGUAGE sql AS 'SELECT true';
    CREATE FUNCTION column_to_column_name(oid, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
    CREATE FUNCTION run_command_on_all_nodes(command text) RETURNS TABLE (nodeid int, success bool, result text)
    LANGUAGE plpgsql AS $$
    DECLARE answer text;
    BEGIN
        EXECUTE command INTO answer;
        RETURN QUERY SELECT n.nodeid, true, answer FROM pg_dist_node AS n;
    END $$;
    CREATE FUNCTION create_distributed_function(function regprocedure) RETURNS void LANGUAGE sql AS $$
        INSERT INTO pg_dist_object VALUES (CAST('pg_proc' AS regclass), function);
        INSERT INTO said (what) VALUES ('function ' || function);
    $$;
    CREATE FUNCTION citus_add_local_table_to_metadata(tab regclass) RETURNS void LANGUAGE sql AS $$
        INSERT INTO pg_dist_partition VALUES (tab, 'n', NULL);
        INSERT INTO said (what) VALUES ('local ' || tab);
    $$;
    CREATE FUNCTION create_distributed_table(tab regclass, key text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = tab AND NOT tgisinternal) THEN
            RAISE 'triggers are not supported on distributed tables' USING ERRCODE = '0A000';
        ELSIF EXISTS (SELECT FROM pg_policy WHERE polrelid = tab AND polqual LIKE '%SUBLINK%') THEN
            RAISE 'cannot create policy' USING ERRCODE = '0A000',
                DETAIL = 'Subqueries are not supported in policies on distributed tables';
        END IF;
        INSERT INTO pg_dist_partition VALUES (tab, 'h', key);
        INSERT INTO said (what) VALUES ('distributed ' || tab || ' by ' || key);
    END $$;
    CREATE FUNCTION create_distributed_table_concurrently(tab regclass, key text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT relkind FROM pg_class WHERE oid = tab) = 'p' THEN
            RAISE 'child table is missing constraint' USING ERRCODE = '42704';
        END IF;
        PERFORM create_distributed_table(tab, key);
        INSERT INTO said (what) VALUES ('online');
    END $$;
"""


async def install(dsn: str) -> None:
    """Make a database look as if it were the coordinator of two workers."""
    async with connected(dsn) as connection:
        await connection.execute(_CATALOG)
        await connection.execute(_FUNCTIONS)


async def said_to(dsn: str) -> list[str]:
    """Return what was done, in order."""
    async with connected(dsn) as connection:
        return [row["what"] for row in await connection.fetch("SELECT what FROM said ORDER BY place")]
