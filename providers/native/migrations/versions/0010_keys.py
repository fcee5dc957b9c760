"""The key of a memory, a name that its user has chosen, derived from the text of its further fields.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A trigger of its own beside that of labels, so that each revision takes back what it has made. The version before
# passes the text on that this is derived from; see the revision 0008, also for what is escaped.
_DERIVE = r"""
CREATE FUNCTION ninai_derive_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.key := CASE WHEN strpos(NEW.unknown, '"key"') > 0 THEN CAST(
        regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
    ) ->> 'key' END;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Add the column and its index, empty for all that is there. No index is unique: of two, replicas choose one."""
    op.execute('ALTER TABLE ninai_memories ADD COLUMN key text COLLATE "C"')
    op.execute(_DERIVE)
    op.execute(
        "CREATE TRIGGER ninai_memories_key BEFORE INSERT OR UPDATE OF unknown ON ninai_memories"
        " FOR EACH ROW EXECUTE FUNCTION ninai_derive_key()"
    )
    # A newer version may have left keys in the text before this schema was there.
    op.execute("UPDATE ninai_memories SET unknown = unknown WHERE strpos(unknown, '\"key\"') > 0")
    op.execute(
        "CREATE INDEX ninai_memories_key ON ninai_memories (user_id, key) WHERE deleted_at IS NULL AND key IS NOT NULL"
    )


def downgrade() -> None:
    """Remove the column; the text in `unknown` keeps what was in it."""
    op.execute("DROP INDEX ninai_memories_key")
    op.execute("DROP TRIGGER ninai_memories_key ON ninai_memories")
    op.execute("DROP FUNCTION ninai_derive_key()")
    op.execute("ALTER TABLE ninai_memories DROP COLUMN key")
