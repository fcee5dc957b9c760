"""The name of the store, by which it is told from one made anew under the same address.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of one row, and name the store."""
    op.execute("""
        CREATE TABLE ninai_store (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            id uuid NOT NULL DEFAULT gen_random_uuid()
        )
    """)
    op.execute("INSERT INTO ninai_store DEFAULT VALUES")


def downgrade() -> None:
    """Remove the table; a later upgrade makes it another store."""
    op.execute("DROP TABLE ninai_store")
