"""Row-level security on the table of memories: whether it is in force, and for whom."""

from msgspec import Struct

from providers.native.wall import ALL

TABLES = """
    SELECT oid::regclass::text FROM pg_catalog.pg_class WHERE oid = 'ninai_memories'::regclass
    UNION ALL
    SELECT inhrelid::regclass::text FROM pg_catalog.pg_inherits WHERE inhparent = 'ninai_memories'::regclass
"""

# `tenants` is whether a tenant beside the default one has memories here, as far as this role sees.
STATE = f"""
    SELECT current_user AS role, bool_and(relrowsecurity AND relforcerowsecurity) AS up,
        (SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user) AS bypassed,
        bool_and(pg_has_role(relowner, 'USAGE')) AS owned,
        EXISTS (
            SELECT FROM ninai_memories
            WHERE {ALL} AND user_id < ' '
        ) AS tenants
    FROM pg_catalog.pg_class
    WHERE oid = 'ninai_memories'::regclass
        OR oid IN (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = 'ninai_memories'::regclass)
"""  # noqa: S608 - joined from constants


class WallState(Struct, frozen=True, kw_only=True):
    """Whether row-level security is `up` on the table and all partitions, and what it means for the role that asks.

    It does not hold a role by which it is `bypassed`; a role that has `owned` the table can raise it and take it down.
    """

    role: str
    up: bool
    bypassed: bool
    owned: bool
    tenants: bool


def switch(table: str, *, up: bool) -> str:
    """Return the statement that raises the wall on a table, or takes it down; the owner is held by it as well."""
    if up:
        return f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    return f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"
