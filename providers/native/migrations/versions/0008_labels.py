"""The order in which memories of one moment were stored, and labels: what a memory belongs to beside its user.

Revision ID: 0008
Revises: 0006
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LABELS = ("session", "agent", "app", "speaker")

# The version before writes these fields as one text into `unknown`, as it does with all that it does not know, and
# passes that text on. So the text stays the truth until the next version, and the columns are derived from it.
DERIVE = """
CREATE FUNCTION ninai_derive_columns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fields json := CAST(NEW.unknown AS json);
BEGIN
    NEW.first_version := coalesce(CAST(fields ->> 'first_version' AS bigint), 0);
    NEW.session := fields ->> 'session';
    NEW.agent := fields ->> 'agent';
    NEW.app := fields ->> 'app';
    NEW.speaker := fields ->> 'speaker';
    RETURN NEW;
END $$
"""

# A text of fields with others in their places, and without those that become null.
CHANGED_FIELDS = """
CREATE FUNCTION ninai_changed_fields(fields text, changes jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN nullif(CAST(
    (coalesce(CAST(fields AS jsonb), '{}') - ARRAY(SELECT jsonb_object_keys(changes))) || jsonb_strip_nulls(changes)
AS text), '{}')
"""


def upgrade() -> None:
    """Add the columns, empty for all that is there; neither they nor the trigger rewrite the table."""
    op.execute(
        """
        ALTER TABLE ninai_memories
            ADD COLUMN first_version bigint NOT NULL DEFAULT 0,
            ADD COLUMN session text COLLATE "C",
            ADD COLUMN agent text COLLATE "C",
            ADD COLUMN app text COLLATE "C",
            ADD COLUMN speaker text COLLATE "C"
        """
    )
    op.execute(DERIVE)
    op.execute(CHANGED_FIELDS)
    op.execute(
        "CREATE TRIGGER ninai_memories_derive BEFORE INSERT OR UPDATE OF unknown ON ninai_memories"
        " FOR EACH ROW EXECUTE FUNCTION ninai_derive_columns()"
    )
    # A newer version may have left these fields in the text before this schema was there.
    op.execute("UPDATE ninai_memories SET unknown = unknown WHERE unknown IS NOT NULL")
    op.execute("DROP INDEX ninai_memories_list")
    op.execute(
        "CREATE INDEX ninai_memories_list ON ninai_memories (user_id, created_at, first_version, id)"
        " WHERE deleted_at IS NULL"
    )
    for label in LABELS:
        op.execute(
            f"CREATE INDEX ninai_memories_{label} ON ninai_memories"
            f" (user_id, {label}, created_at, first_version, id) WHERE deleted_at IS NULL AND {label} IS NOT NULL"
        )


def downgrade() -> None:
    """Remove the columns; the text in `unknown` keeps what was in them."""
    for label in LABELS:
        op.execute(f"DROP INDEX ninai_memories_{label}")
    op.execute("DROP INDEX ninai_memories_list")
    op.execute("CREATE INDEX ninai_memories_list ON ninai_memories (user_id, created_at, id) WHERE deleted_at IS NULL")
    op.execute("DROP TRIGGER ninai_memories_derive ON ninai_memories")
    op.execute("DROP FUNCTION ninai_changed_fields(text, jsonb)")
    op.execute("DROP FUNCTION ninai_derive_columns()")
    op.execute(
        "ALTER TABLE ninai_memories DROP COLUMN first_version, DROP COLUMN session, DROP COLUMN agent,"
        " DROP COLUMN app, DROP COLUMN speaker"
    )
