"""What a newer version says of a memory, in fields that this one does not know.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty for all; it holds the text of a JSON object, of which no query asks anything."""
    op.execute("ALTER TABLE ninai_memories ADD COLUMN unknown text")


def downgrade() -> None:
    """Remove the column with what is in it."""
    op.execute("ALTER TABLE ninai_memories DROP COLUMN unknown")
