"""The embedding model that all memories are to have vectors of.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty until a process says what it embeds with."""
    op.execute('ALTER TABLE ninai_store ADD COLUMN embedding_model text COLLATE "C"')


def downgrade() -> None:
    """Remove the column; every process embeds everything with its own model again."""
    op.execute("ALTER TABLE ninai_store DROP COLUMN embedding_model")
