"""A second vector of a memory, of the former model, while the embedder is exchanged.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Whoever changes a text without knowing of this vector, as the version before, leaves none of another text. A tombstone
# has no text.
_OUTDATE = """
    CREATE FUNCTION ninai_outdate_former() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.content IS DISTINCT FROM OLD.content
            AND NEW.former_embedding IS NOT DISTINCT FROM OLD.former_embedding
        THEN
            NEW.former_embedding := NULL;
            NEW.former_model := NULL;
        END IF;
        RETURN NEW;
    END
    $$
"""

_DISTRIBUTED = """
    SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrel = CAST('ninai_memories' AS regclass))
"""


def upgrade() -> None:
    """Add the columns, empty for all, and an index of the memories that have such a vector, mostly none."""
    op.execute(
        'ALTER TABLE ninai_memories ADD COLUMN former_model text COLLATE "C", ADD COLUMN former_embedding halfvec'
    )
    # Not the name that the table has while it is rebuilt for several nodes.
    op.execute(
        "CREATE INDEX ninai_memories_former_model ON ninai_memories (former_model) WHERE former_model IS NOT NULL"
    )
    # No samples for the planner of what is made of texts; Citus refuses this of a table that it has distributed.
    there = op.get_bind().scalar(sa.text("SELECT true FROM pg_extension WHERE extname = 'citus'"))
    if not there or not op.get_bind().scalar(sa.text(_DISTRIBUTED)):
        op.execute("ALTER TABLE ninai_memories ALTER COLUMN former_embedding SET STATISTICS 0")
    op.execute(_OUTDATE)
    op.execute(
        "CREATE TRIGGER ninai_memories_former BEFORE UPDATE OF content ON ninai_memories"
        " FOR EACH ROW WHEN (OLD.former_model IS NOT NULL) EXECUTE FUNCTION ninai_outdate_former()"
    )


def downgrade() -> None:
    """Remove them; what has a vector of another model is embedded anew."""
    op.execute("DROP TRIGGER ninai_memories_former ON ninai_memories")
    op.execute("DROP FUNCTION ninai_outdate_former()")
    op.execute("DROP INDEX ninai_memories_former_model")
    op.execute("ALTER TABLE ninai_memories DROP COLUMN former_embedding, DROP COLUMN former_model")
