"""The policy that keeps tenants apart reads its setting once: six subqueries took most of what it cost.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# A user_id begins with U+001F for every tenant but the default one, and a second one ends the tenant. The subquery runs
# once for a statement; for each row its tenant is compared with that text, and with the parts of it if it is another.
_SET = "current_setting('ninai.tenants', true)"
_TENANT = "CASE WHEN ascii(user_id) = 31 THEN split_part(user_id, E'\\x1f', 2) ELSE 'default' END"
_VISIBLE = f"""
    CASE (SELECT {_SET})
        WHEN '*' THEN true
        WHEN {_TENANT} THEN true
        ELSE {_TENANT} = ANY (string_to_array({_SET}, ','))
    END
"""

# That of the revision 0007.
_LIST = f"string_to_array({_SET}, ',')"
_FORMER = f"""
    (SELECT {_SET} = '*')
    OR (SELECT 'default' = ANY ({_LIST})) AND ascii(user_id) <> 31
    OR user_id > (SELECT E'\\x1f' || nullif({_SET}, '') || E'\\x1f')
        AND user_id < (SELECT E'\\x1f' || nullif({_SET}, '') || ' ')
    OR (SELECT {_SET} LIKE '%,%')
        AND user_id ^@ ANY (ARRAY(SELECT E'\\x1f' || tenant || E'\\x1f' FROM unnest({_LIST}) AS named (tenant)))
"""  # noqa: S608 - joined from constants


def upgrade() -> None:
    """Put the policy in the place of the one before, on all tables that have it; it shows the same rows."""
    _alter(_VISIBLE)


def downgrade() -> None:
    """Put the one before back."""
    _alter(_FORMER)


def _alter(visible: str) -> None:
    op.execute(f"""
        DO $$
        DECLARE protected regclass;
        BEGIN
            FOR protected IN
                SELECT polrelid FROM pg_catalog.pg_policy
                WHERE polname = 'ninai_tenants' AND pg_table_is_visible(polrelid) ORDER BY polrelid
            LOOP
                EXECUTE 'ALTER POLICY ninai_tenants ON ' || protected || ' USING (' || $policy${visible}$policy$ || ')';
            END LOOP;
        END
        $$
    """)  # noqa: S608 - joined from constants
