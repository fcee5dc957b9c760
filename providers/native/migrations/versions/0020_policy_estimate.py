"""The policy that keeps tenants apart is expected to show every row, and compares each with one pattern.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# A user_id begins with U+001F for every tenant but the default one, and a second one ends the tenant. The subquery runs
# once for a statement, and each row is compared with the pattern of its tenant. The function is called only where
# several tenants are set, or another one: each function in an expression is looked up again for every statement.
#
# The planner expects a CASE to hold for half of the rows, and "is not null" for all but one in 200. With half of them
# it preferred to sort all memories of an owner where the first ones along an index were asked for.
_SET = "current_setting('ninai.tenants', true)"
_OWNER = "CASE WHEN ascii(user_id) = 31 THEN user_id ELSE E'\\x1fdefault\\x1f' END"
_PATTERN = f"""
    SELECT replace(E'\\x1f' || replace({_SET}, '_', E'\\\\_') || E'\\x1f%', E'\\x1f*\\x1f%', '%')
"""
_VISIBLE = f"CASE WHEN {_OWNER} LIKE ({_PATTERN}) OR ninai_of_several(user_id) THEN true END IS NOT NULL"
_OF_SEVERAL = f"""
    CREATE FUNCTION ninai_of_several(owner text) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $function$
    BEGIN
        RETURN CASE WHEN ascii(owner) = 31 THEN split_part(owner, E'\\x1f', 2) ELSE 'default' END
            = ANY (string_to_array({_SET}, ','));
    END
    $function$
"""

# That of the revision 0018.
_TENANT = "CASE WHEN ascii(user_id) = 31 THEN split_part(user_id, E'\\x1f', 2) ELSE 'default' END"
_FORMER = f"""
    CASE (SELECT {_SET})
        WHEN '*' THEN true
        WHEN {_TENANT} THEN true
        ELSE {_TENANT} = ANY (string_to_array({_SET}, ','))
    END
"""


def upgrade() -> None:
    """Put the policy in the place of the one before, on all tables that have it; it shows the same rows."""
    op.execute(_OF_SEVERAL)
    _alter(_VISIBLE)


def downgrade() -> None:
    """Put the one before back."""
    _alter(_FORMER)
    op.execute("DROP FUNCTION ninai_of_several(text)")


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
