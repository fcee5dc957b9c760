"""The versions of memories that newer ones have superseded.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Whoever replaces a version keeps it, the version before and an operator's own statements included. A statement says in
# `ninai.history` how many versions are kept, nothing if it does not know; a tombstone takes them all with it.
_KEEP = """
    CREATE FUNCTION ninai_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        kept CONSTANT text := current_setting('ninai.history', true);
    BEGIN
        IF NEW.deleted_at IS NOT NULL THEN
            DELETE FROM ninai_history WHERE user_id = NEW.user_id AND id = NEW.id;
        ELSIF TG_OP = 'UPDATE' AND kept IS DISTINCT FROM '0' THEN
            INSERT INTO ninai_history
                (user_id, id, version, content, metadata, created_at, updated_at, digest, edits, unknown)
            VALUES (OLD.user_id, OLD.id, OLD.version, OLD.content, OLD.metadata, OLD.created_at, OLD.updated_at,
                OLD.digest, OLD.edits, OLD.unknown)
            ON CONFLICT DO NOTHING;
            IF kept <> '' THEN
                DELETE FROM ninai_history WHERE user_id = NEW.user_id AND id = NEW.id AND version <= (
                    SELECT version FROM ninai_history
                    WHERE user_id = NEW.user_id AND id = NEW.id AND version < NEW.version
                    ORDER BY version DESC OFFSET CAST(kept AS int) LIMIT 1
                );
            END IF;
        END IF;
        RETURN NULL;
    END
    $$
"""

# Whoever may change memories may keep their versions; the wall between tenants stands here if it stands there.
_AS_MEMORIES = """
    DO $$
    DECLARE
        one record;
    BEGIN
        FOR one IN
            SELECT DISTINCT CASE grantee WHEN 'PUBLIC' THEN grantee ELSE quote_ident(grantee) END AS name
            FROM information_schema.role_table_grants
            WHERE table_schema = current_schema() AND table_name = 'ninai_memories' AND privilege_type = 'UPDATE'
                AND grantee <> current_user
        LOOP
            EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON ninai_history TO ' || one.name;
        END LOOP;
        IF (SELECT relrowsecurity FROM pg_class WHERE oid = CAST('ninai_memories' AS regclass)) THEN
            ALTER TABLE ninai_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        END IF;
    END
    $$
"""

# That of memories, see the revision 0007.
_POLICY = """
    DO $$
    BEGIN
        EXECUTE 'CREATE POLICY ninai_tenants ON ninai_history USING (' || (
            SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
            WHERE polrelid = CAST('ninai_memories' AS regclass) AND polname = 'ninai_tenants'
        ) || ')';
    END
    $$
"""


def upgrade() -> None:
    """Make the table, empty: nobody knows what was superseded before; neither it nor the triggers rewrite memories."""
    op.execute("""
        CREATE TABLE ninai_history (
            user_id text COLLATE "C" NOT NULL,
            id uuid NOT NULL,
            version bigint NOT NULL,
            content text NOT NULL,
            metadata jsonb,
            created_at timestamptz NOT NULL,
            updated_at timestamptz,
            digest bytea,
            edits uuid[] NOT NULL DEFAULT '{}',
            unknown text,
            PRIMARY KEY (user_id, id, version)
        )
    """)
    # For the sweep, which asks for what is old, whoever owns it.
    op.execute("CREATE INDEX ninai_history_by_age ON ninai_history (version)")
    op.execute(_POLICY)
    op.execute(_AS_MEMORIES)
    op.execute(_KEEP)
    op.execute(
        "CREATE TRIGGER ninai_memories_history AFTER UPDATE ON ninai_memories FOR EACH ROW"
        " WHEN (OLD.deleted_at IS NULL AND OLD.version <> NEW.version) EXECUTE FUNCTION ninai_keep_version()"
    )
    # A tombstone may come before its memory, and after some of its versions.
    op.execute(
        "CREATE TRIGGER ninai_memories_buried AFTER INSERT ON ninai_memories FOR EACH ROW"
        " WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION ninai_keep_version()"
    )


def downgrade() -> None:
    """Remove the triggers and all versions but the newest ones."""
    op.execute("DROP TRIGGER ninai_memories_buried ON ninai_memories")
    op.execute("DROP TRIGGER ninai_memories_history ON ninai_memories")
    op.execute("DROP FUNCTION ninai_keep_version()")
    op.execute("DROP TABLE ninai_history")
