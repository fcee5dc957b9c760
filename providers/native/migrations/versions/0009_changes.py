"""What changed since a look: the transaction of the last change of each memory.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Whatever changes a row goes through it, the version before and an operator's own statements included. An insertion has
# the default, which costs a hundredth of a trigger.
_STAMP = """
    CREATE FUNCTION ninai_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.changed := pg_current_xact_id();
        RETURN NEW;
    END
    $$
"""


def upgrade() -> None:
    """Add the column, its index and the trigger; all memories have changed now, and no row is written for that."""
    op.execute("ALTER TABLE ninai_memories ADD COLUMN changed xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.execute("CREATE INDEX ninai_memories_changed ON ninai_memories (user_id, changed)")
    op.execute(_STAMP)
    op.execute(
        "CREATE TRIGGER ninai_memories_stamp BEFORE UPDATE ON ninai_memories"
        " FOR EACH ROW EXECUTE FUNCTION ninai_stamp()"
    )


def downgrade() -> None:
    """Remove them; a recall then asks the database for everything."""
    op.execute("DROP TRIGGER ninai_memories_stamp ON ninai_memories")
    op.execute("DROP FUNCTION ninai_stamp()")
    op.execute("ALTER TABLE ninai_memories DROP COLUMN changed")
