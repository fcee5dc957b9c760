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
# passes that text on. So the text stays the truth until the next version, and the columns are derived from it. The
# functions of PostgreSQL read no JSON with escapes that it cannot store, wherever they stand: other fields, which later
# versions have, may be anything.
DERIVE = r"""
CREATE FUNCTION ninai_derive_columns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fields json := CAST(NEW.unknown AS json);
BEGIN
    IF strpos(NEW.unknown, '\u') > 0 THEN
        BEGIN
            PERFORM fields ->> 'session';
        EXCEPTION WHEN untranslatable_character OR invalid_text_representation THEN
            fields := CAST(regexp_replace(
                NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g'
            ) AS json);
        END;
    END IF;
    NEW.first_version := coalesce(CAST(fields ->> 'first_version' AS bigint), 0);
    NEW.session := fields ->> 'session';
    NEW.agent := fields ->> 'agent';
    NEW.app := fields ->> 'app';
    NEW.speaker := fields ->> 'speaker';
    RETURN NEW;
END $$
"""

# A text of fields with others in their places, and without those that become null. Where that cannot be read, the new
# ones follow: of two with one name the last one counts, here and in every program.
CHANGED_FIELDS = """
CREATE FUNCTION ninai_changed_fields(fields text, changes jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN nullif(CAST(
        (coalesce(CAST(fields AS jsonb), '{}') - ARRAY(SELECT jsonb_object_keys(changes))) || jsonb_strip_nulls(changes)
    AS text), '{}');
EXCEPTION WHEN untranslatable_character OR invalid_text_representation OR numeric_value_out_of_range THEN
    RETURN left(fields, -1) || ', ' || substr(CAST(changes AS text), 2);
END $$
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
    # For lists by conditions that few of many memories meet; see `providers/native/containment.py`.
    op.execute(
        "CREATE INDEX ninai_memories_metadata ON ninai_memories USING gin (metadata jsonb_path_ops)"
        " WHERE deleted_at IS NULL AND metadata IS NOT NULL"
    )


def downgrade() -> None:
    """Remove the columns; the text in `unknown` keeps what was in them."""
    op.execute("DROP INDEX ninai_memories_metadata")
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
