"""The list of erased owners, and a wall against whatever comes late of them.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Up to which version an owner was erased, 0 for one who was not. The hash is that of `providers/erasure/fences.py`; of
# its keys there are few. It reads the list as its owner: a role that may write memories must not fail for want of the
# right to read who was erased.
_ERASED_UP_TO = """
    CREATE FUNCTION ninai_erased_up_to(owner text) RETURNS bigint LANGUAGE plpgsql STABLE
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DECLARE
        one text;
        found bigint;
        highest bigint := 0;
    BEGIN
        FOR one IN SELECT k.key FROM ninai_erasure_keys AS k LOOP
            SELECT e.version INTO found FROM ninai_erasures AS e
            WHERE e.hash = encode(sha256(decode(one, 'hex') || convert_to(owner, 'UTF8')), 'hex') AND e.key = one;
            highest := greatest(highest, coalesce(found, 0));
        END LOOP;
        RETURN highest;
    END
    $$
"""

# Whoever writes it, the version before included, and however late it arrives: nothing is stored, and no error raised.
# The version 0 of an owner who was not erased is stored.
_REFUSE = """
    CREATE FUNCTION ninai_refuse_erased() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RETURN CASE WHEN NEW.version > coalesce(nullif(ninai_erased_up_to(NEW.user_id), 0), -1) THEN NEW END;
    END
    $$
"""

# The owner of the tables need not be the role of the service: whoever may read memories may read the list.
_LIKE_MEMORIES = """
    DO $grants$
    DECLARE one record;
    BEGIN
        FOR one IN
            SELECT DISTINCT CASE grantee WHEN 'PUBLIC' THEN grantee ELSE quote_ident(grantee) END AS name,
                privilege_type AS privilege
            FROM information_schema.role_table_grants
            WHERE table_schema = current_schema() AND table_name = 'ninai_memories'
                AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') AND grantee <> current_user
        LOOP
            EXECUTE format('GRANT %s ON ninai_erasures, ninai_erasure_keys TO %s', one.privilege, one.name);
        END LOOP;
    END
    $grants$
"""


def upgrade() -> None:
    """Create the list, empty, and the trigger that holds every write to it."""
    op.execute("CREATE TABLE ninai_erasure_keys (key text PRIMARY KEY)")
    op.execute(
        """
        CREATE TABLE ninai_erasures (
            hash text COLLATE "C" NOT NULL,
            key text NOT NULL,
            version bigint NOT NULL,
            erased_at double precision NOT NULL,
            PRIMARY KEY (hash, key)
        )
        """
    )
    op.execute(_LIKE_MEMORIES)
    op.execute(_ERASED_UP_TO)
    op.execute(_REFUSE)
    op.execute(
        "CREATE TRIGGER ninai_memories_refuse BEFORE INSERT OR UPDATE OF version ON ninai_memories"
        " FOR EACH ROW EXECUTE FUNCTION ninai_refuse_erased()"
    )
    op.execute(
        "CREATE TRIGGER ninai_history_refuse BEFORE INSERT ON ninai_history"
        " FOR EACH ROW EXECUTE FUNCTION ninai_refuse_erased()"
    )


def downgrade() -> None:
    """Remove both; the journal keeps the list as well."""
    op.execute("DROP TRIGGER ninai_history_refuse ON ninai_history")
    op.execute("DROP TRIGGER ninai_memories_refuse ON ninai_memories")
    op.execute("DROP FUNCTION ninai_refuse_erased()")
    op.execute("DROP FUNCTION ninai_erased_up_to(text)")
    op.execute("DROP TABLE ninai_erasures")
    op.execute("DROP TABLE ninai_erasure_keys")
