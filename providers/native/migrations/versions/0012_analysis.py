"""What the analyzer found in a memory, so that an index of a user's memories loads without their texts.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Whoever changes a text without analyzing it, the version before included, leaves it to be analyzed. A trigger of its
# own, called after `ninai_memories_derive` has made the speaker from the fields in `unknown`.
_OUTDATE = """
    CREATE FUNCTION ninai_outdate_analysis() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.analysis IS NOT DISTINCT FROM OLD.analysis
            AND (NEW.content IS DISTINCT FROM OLD.content OR NEW.speaker IS DISTINCT FROM OLD.speaker)
        THEN
            NEW.analysis := NULL;
        END IF;
        RETURN NEW;
    END
    $$
"""


def upgrade() -> None:
    """Add the column, empty for all that is there, and an index of the memories that have none or an old one."""
    op.execute("ALTER TABLE ninai_memories ADD COLUMN analysis bytea")
    # Already compact, and read for all of a user's memories at once.
    op.execute("ALTER TABLE ninai_memories ALTER COLUMN analysis SET STORAGE MAIN")
    op.execute(
        "CREATE INDEX ninai_memories_unanalyzed ON ninai_memories (user_id, id)"
        " WHERE deleted_at IS NULL AND coalesce(get_byte(analysis, 0), 0) < 1"
    )
    op.execute(_OUTDATE)
    op.execute(
        "CREATE TRIGGER ninai_memories_outdate BEFORE UPDATE OF content, unknown ON ninai_memories"
        " FOR EACH ROW EXECUTE FUNCTION ninai_outdate_analysis()"
    )


def downgrade() -> None:
    """Remove them; texts are then analyzed whenever an index loads."""
    op.execute("DROP TRIGGER ninai_memories_outdate ON ninai_memories")
    op.execute("DROP FUNCTION ninai_outdate_analysis()")
    op.execute("DROP INDEX ninai_memories_unanalyzed")
    op.execute("ALTER TABLE ninai_memories DROP COLUMN analysis")
