"""The policy that keeps tenants apart; it is in force once the wall is raised.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PARTITIONS = 16
_TABLES = ("ninai_memories", *(f"ninai_memories_{remainder:02}" for remainder in range(PARTITIONS)))

# A user_id begins with U+001F for every tenant but the default one, and a second one ends the tenant. Each subquery
# runs once for a statement; for each row there is one comparison of a byte for the default tenant, two of texts for
# another, and more where several are set. The next character after U+001F is the space.
_SET = "current_setting('ninai.tenants', true)"
_LIST = f"string_to_array({_SET}, ',')"
_VISIBLE = f"""
    (SELECT {_SET} = '*')
    OR (SELECT 'default' = ANY ({_LIST})) AND ascii(user_id) <> 31
    OR user_id > (SELECT E'\\x1f' || nullif({_SET}, '') || E'\\x1f')
        AND user_id < (SELECT E'\\x1f' || nullif({_SET}, '') || ' ')
    OR (SELECT {_SET} LIKE '%,%')
        AND user_id ^@ ANY (ARRAY(SELECT E'\\x1f' || tenant || E'\\x1f' FROM unnest({_LIST}) AS named (tenant)))
"""  # noqa: S608 - joined from constants


def upgrade() -> None:
    """Make the policy on the table and, for whoever asks them directly, on its partitions."""
    for table in _TABLES:
        op.execute(f"CREATE POLICY ninai_tenants ON {table} USING ({_VISIBLE})")


def downgrade() -> None:
    """Take the wall down and remove the policy; memories of other tenants stay."""
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
        op.execute(f"DROP POLICY ninai_tenants ON {table}")
