"""Where the newest state of a memory comes from, derived from the text of its further fields.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# A trigger of its own beside that of labels, so that each revision takes back what it has made. The version before
# passes the text on that this is derived from; see the revision 0008, also for what is escaped.
_DERIVE = r"""
CREATE FUNCTION ninai_derive_source() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.source := CASE WHEN strpos(NEW.unknown, '"source"') > 0 THEN CAST(CAST(
        regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
    ) -> 'source' AS jsonb) END;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Add the column, empty for all that is there; neither it nor the trigger rewrites the table."""
    op.execute("ALTER TABLE ninai_memories ADD COLUMN source jsonb")
    op.execute(_DERIVE)
    op.execute(
        "CREATE TRIGGER ninai_memories_source BEFORE INSERT OR UPDATE OF unknown ON ninai_memories"
        " FOR EACH ROW EXECUTE FUNCTION ninai_derive_source()"
    )
    # A newer version may have left sources in the text before this schema was there.
    op.execute("UPDATE ninai_memories SET unknown = unknown WHERE strpos(unknown, '\"source\"') > 0")


def downgrade() -> None:
    """Remove the column; the text in `unknown` keeps what was in it."""
    op.execute("DROP TRIGGER ninai_memories_source ON ninai_memories")
    op.execute("DROP FUNCTION ninai_derive_source()")
    op.execute("ALTER TABLE ninai_memories DROP COLUMN source")
