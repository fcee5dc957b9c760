"""The mark of a chain: whose the store is, and how far it is.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MARK = ("mark_installation", "mark_journal", "mark_epoch", "mark_number", "mark_at", "mark_pending")


def upgrade() -> None:
    """Add the columns, empty until a chain leaves a mark."""
    # No index has them: an update each second then leaves nothing behind but a version of one row, on one page, which
    # the next ones prune.
    op.execute(f"""
        ALTER TABLE ninai_store
            ADD COLUMN mark_installation text COLLATE "C",
            ADD COLUMN mark_journal text COLLATE "C",
            ADD COLUMN mark_epoch bigint,
            ADD COLUMN mark_number bigint,
            ADD COLUMN mark_at double precision,
            ADD COLUMN mark_pending boolean,
            ADD CONSTRAINT ninai_store_whole_mark CHECK (num_nulls({", ".join(_MARK)}) IN (0, {len(_MARK)}))
    """)


def downgrade() -> None:
    """Remove the columns; a chain takes the store for one that was never marked."""
    op.execute(f"ALTER TABLE ninai_store {', '.join(f'DROP COLUMN {name}' for name in _MARK)}")
