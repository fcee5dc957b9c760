"""Columns of which the planner keeps no samples: what memories say must not outlive them in `pg_statistic`."""

from collections.abc import Sequence

# Who owns a table can clear its statistics from PostgreSQL 18 on; before that nobody can but a superuser.
_CLEAR = """
    DO $clear$
    DECLARE part record;
    BEGIN
        FOR part IN
            SELECT c.oid, n.nspname, c.relname, a.attname, a.attnum, i.inherited
            FROM pg_catalog.pg_class AS c
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
            CROSS JOIN (VALUES (true), (false)) AS i (inherited)
            WHERE a.attname IN ({columns}) AND NOT a.attisdropped AND c.oid IN (
                SELECT CAST('{table}' AS regclass)
                UNION SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = CAST('{table}' AS regclass)
            )
        LOOP
            IF CAST(current_setting('server_version_num') AS int) >= 180000 THEN
                EXECUTE format('SELECT pg_catalog.pg_clear_attribute_stats(%L, %L, %L, %L::boolean)',
                    part.nspname, part.relname, part.attname, part.inherited);
            ELSIF current_setting('is_superuser') = 'on' THEN
                DELETE FROM pg_catalog.pg_statistic WHERE starelid = part.oid AND staattnum = part.attnum;
            END IF;
        END LOOP;
    END
    $clear$
"""


def unsampled(table: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the statements after which no samples of these columns are made, and those that were made are cleared.

    Where neither PostgreSQL 18 nor a superuser runs them, those that were made stay.
    """
    targets = ", ".join(f"ALTER COLUMN {column} SET STATISTICS 0" for column in columns)
    named = ", ".join(f"'{column}'" for column in columns)
    return (f"ALTER TABLE {table} {targets}", _CLEAR.format(table=table, columns=named))
