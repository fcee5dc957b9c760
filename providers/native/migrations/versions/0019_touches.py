"""Expiries that slide, and when somebody was given a memory last, derived from the text of its further fields.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# The function of the trigger of the revision 0011, which parses the text once for all three; see the revision 0008 for
# what is escaped. Most memories have none of them.
_DERIVE = r"""
CREATE OR REPLACE FUNCTION ninai_derive_expiry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fields json;
BEGIN
    IF strpos(NEW.unknown, '"expires_at"') > 0 OR strpos(NEW.unknown, '"touched_at"') > 0 THEN
        fields := CAST(
            regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
        );
    END IF;
    NEW.expires_at := CAST(fields ->> 'expires_at' AS timestamptz);
    NEW.sliding_seconds := CAST(fields ->> 'sliding_seconds' AS bigint);
    NEW.touched_at := CAST(fields ->> 'touched_at' AS timestamptz);
    RETURN NEW;
END $$
"""

# That of the revision 0011.
_FORMER = r"""
CREATE OR REPLACE FUNCTION ninai_derive_expiry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.expires_at := CASE WHEN strpos(NEW.unknown, '"expires_at"') > 0 THEN CAST(CAST(
        regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
    ) ->> 'expires_at' AS timestamptz) END;
    RETURN NEW;
END $$
"""

# The text of the fields after a touch, given what they say of the expiry; see `providers/states/touching.py`. Moments
# are written in UTC, so that the zone of the session does not count.
_TOUCHED = """
CREATE FUNCTION ninai_touched_fields(fields text, expires timestamptz, sliding bigint, touched timestamptz) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    form CONSTANT text := 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
    latest CONSTANT timestamptz := '9999-12-31 23:59:59.999999+00';
    ends timestamptz;
BEGIN
    IF sliding > 0 AND expires IS NOT NULL THEN
        ends := greatest(expires, least(touched + make_interval(secs => sliding), latest));
    END IF;
    RETURN ninai_changed_fields(fields, jsonb_strip_nulls(jsonb_build_object(
        'touched_at', to_char(touched AT TIME ZONE 'UTC', form), 'expires_at', to_char(ends AT TIME ZONE 'UTC', form)
    )));
END $$
"""
_SIGNATURE = "ninai_touched_fields(text,timestamptz,bigint,timestamptz)"

# Where a table is in the form to be distributed, columns are generated, and there is no trigger.
_GENERATED = """
    SELECT attgenerated = 's' FROM pg_attribute
    WHERE attrelid = CAST('ninai_memories' AS regclass) AND attname = 'expires_at' AND NOT attisdropped
"""
_DISTRIBUTED = """
    SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrel = CAST('ninai_memories' AS regclass))
"""


def upgrade() -> None:
    """Add the columns, empty for all that is there; but for a table to be distributed, nothing rewrites it."""
    op.execute(_TOUCHED)
    connection = op.get_bind()
    if connection.scalar(sa.text(_GENERATED)):
        op.execute("""
            ALTER TABLE ninai_memories
                ADD COLUMN sliding_seconds bigint
                    GENERATED ALWAYS AS (CAST(ninai_field(unknown, 'sliding_seconds') AS int8)) STORED,
                ADD COLUMN touched_at timestamptz
                    GENERATED ALWAYS AS (ninai_moment_field(unknown, 'touched_at')) STORED
        """)
        citus = connection.scalar(sa.text("SELECT true FROM pg_extension WHERE extname = 'citus'"))
        if citus and connection.scalar(sa.text(_DISTRIBUTED)):
            op.execute(f"SELECT create_distributed_function('{_SIGNATURE}')")
        return
    op.execute("ALTER TABLE ninai_memories ADD COLUMN sliding_seconds bigint, ADD COLUMN touched_at timestamptz")
    op.execute(_DERIVE)
    # A newer version may have left the fields in the text before this schema was there.
    op.execute(
        "UPDATE ninai_memories SET unknown = unknown"
        " WHERE strpos(unknown, '\"sliding_seconds\"') > 0 OR strpos(unknown, '\"touched_at\"') > 0"
    )


def downgrade() -> None:
    """Remove the columns; the text in `unknown` keeps what was in it."""
    if not op.get_bind().scalar(sa.text(_GENERATED)):
        op.execute(_FORMER)
    op.execute("ALTER TABLE ninai_memories DROP COLUMN sliding_seconds, DROP COLUMN touched_at")
    op.execute(f"DROP FUNCTION {_SIGNATURE}")
