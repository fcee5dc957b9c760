"""Which model does not take the text of a memory, in which version of the memory.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty for all; the version tells whether the text is still the one that was refused."""
    # The version before writes memories without knowing of these, and a new version of a memory is a new chance.
    op.execute(
        'ALTER TABLE ninai_memories ADD COLUMN refused_model text COLLATE "C", ADD COLUMN refused_version bigint'
    )


def downgrade() -> None:
    """Remove the columns; every text that was refused is tried again."""
    op.execute("ALTER TABLE ninai_memories DROP COLUMN refused_model, DROP COLUMN refused_version")
