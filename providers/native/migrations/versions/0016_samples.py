"""No samples of what memories say for the planner, which keeps them after the memories are gone.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

from providers.postgres.sampling import unsampled

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# All that is a text, or made of one. Every statement names an owner and walks an index that begins with that. Only of
# labels there are several indexes, and without samples the planner would walk along any of those that a list asks for.
_MEMORIES = ("content", "metadata", "digest", "embedding", "terms", "analysis", "unknown", "key", "source")
_HISTORY = ("content", "metadata", "digest", "unknown")
# Citus refuses this of tables that it has distributed; those that it distributes from now on have it.
_DISTRIBUTED = """
    SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrel = CAST('ninai_memories' AS regclass))
"""


def upgrade() -> None:
    """Keep no samples of these columns from now on, and clear those that were made; no row is read or written."""
    there = op.get_bind().scalar(sa.text("SELECT true FROM pg_extension WHERE extname = 'citus'"))
    if there and op.get_bind().scalar(sa.text(_DISTRIBUTED)):
        return
    for table, columns in (("ninai_memories", _MEMORIES), ("ninai_history", _HISTORY)):
        for statement in unsampled(table, columns):
            op.execute(statement)


def downgrade() -> None:
    """Let the next ANALYZE take samples again."""
    for table, columns in (("ninai_memories", _MEMORIES), ("ninai_history", _HISTORY)):
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ALTER COLUMN {name} SET STATISTICS -1" for name in columns))
