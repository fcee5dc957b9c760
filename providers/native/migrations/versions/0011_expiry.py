"""When memories expire, derived from the text of their further fields.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A trigger of its own beside that of labels, so that each revision takes back what it has made. The version before
# passes the text on that this is derived from; see the revision 0008, also for what is escaped.
DERIVE = r"""
CREATE FUNCTION ninai_derive_expiry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.expires_at := CASE WHEN strpos(NEW.unknown, '"expires_at"') > 0 THEN CAST(CAST(
        regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
    ) ->> 'expires_at' AS timestamptz) END;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Add the column, empty for all that is there; neither it nor the trigger rewrites the table."""
    op.execute("ALTER TABLE ninai_memories ADD COLUMN expires_at timestamptz")
    op.execute(DERIVE)
    op.execute(
        "CREATE TRIGGER ninai_memories_expiry BEFORE INSERT OR UPDATE OF unknown ON ninai_memories"
        " FOR EACH ROW EXECUTE FUNCTION ninai_derive_expiry()"
    )
    # A newer version may have left the field in the text before this schema was there.
    op.execute("UPDATE ninai_memories SET unknown = unknown WHERE strpos(unknown, '\"expires_at\"') > 0")
    # For the sweep, which asks for what has expired, whoever owns it.
    op.execute(
        "CREATE INDEX ninai_memories_expiry ON ninai_memories (expires_at, user_id, id)"
        " WHERE deleted_at IS NULL AND expires_at IS NOT NULL"
    )


def downgrade() -> None:
    """Remove the column; the text in `unknown` keeps what was in it, and readers see it all."""
    op.execute("DROP INDEX ninai_memories_expiry")
    op.execute("DROP TRIGGER ninai_memories_expiry ON ninai_memories")
    op.execute("DROP FUNCTION ninai_derive_expiry()")
    op.execute("ALTER TABLE ninai_memories DROP COLUMN expires_at")
