"""Terms that a process finds in a memory, where the database parsed it: an index of those that it parsed still.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# Only statements ever filled `terms`, so no trigger is needed: the version before calls `ninai_terms` wherever it
# stores or changes a content, and goes on doing so on this schema. What it stores has no language in the first
# dimension, and so waits here to be analyzed (see `providers/native/terms.py`).
_LANGUAGE = r"-(CAST('{1\:18446744073709551616}/1000000000' AS sparsevec) <#> terms)"


def upgrade() -> None:
    """Add the index; no row is written. All memories that are there stand in it until they have been analyzed."""
    op.execute(
        "CREATE INDEX ninai_memories_lexemes ON ninai_memories (user_id, id)"
        f" WHERE deleted_at IS NULL AND {_LANGUAGE} = 0"
    )


def downgrade() -> None:
    """Remove it, and let the database parse what processes have analyzed; all those rows are written."""
    op.execute("DROP INDEX ninai_memories_lexemes")
    op.execute("SELECT set_config('ninai.tenants', '*', true)")
    op.execute(
        f"UPDATE ninai_memories SET terms = ninai_terms(content) WHERE deleted_at IS NULL AND {_LANGUAGE} <> 0"  # noqa: S608 - a constant
    )
