"""One trigger for what is derived of an inserted memory and for the refusal of what was erased, where there were five.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Each trigger makes a row anew, vectors included, since PostgreSQL clears generated columns before it; five of them
# took a quarter of an insertion. What is derived is what the revisions 0008, 0010, 0015 and 0019 derive, and what is
# refused what 0014 refuses; see there, also for what is escaped. The list of erased owners is asked for each row, as it
# is at that moment: a statement that began before an erasure was committed stores nothing after it.
#
# The text of most new memories says nothing but their first version: with one field, the other ones are not looked for.
_ADMIT = r"""
CREATE FUNCTION ninai_admit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fields json;
    cleaned json;
BEGIN
    IF TG_OP = 'INSERT' AND NEW.version <= coalesce(nullif(ninai_erased_up_to(NEW.user_id), 0), -1) THEN
        RETURN NULL;
    END IF;
    IF NEW.unknown ^@ '{"first_version":' AND strpos(NEW.unknown, ',') = 0 AND strpos(NEW.unknown, '\') = 0
        AND num_nonnulls(
            NEW.session, NEW.agent, NEW.app, NEW.speaker, NEW.key, NEW.source,
            NEW.expires_at, NEW.sliding_seconds, NEW.touched_at
        ) = 0
    THEN
        NEW.first_version := coalesce(CAST(CAST(NEW.unknown AS json) ->> 'first_version' AS bigint), 0);
        RETURN NEW;
    END IF;
    fields := CAST(NEW.unknown AS json);
    cleaned := fields;
    IF strpos(NEW.unknown, '\u') > 0 THEN
        cleaned := CAST(
            regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
        );
        BEGIN
            PERFORM fields ->> 'session';
        EXCEPTION WHEN untranslatable_character OR invalid_text_representation THEN
            fields := cleaned;
        END;
    END IF;
    NEW.first_version := coalesce(CAST(fields ->> 'first_version' AS bigint), 0);
    NEW.session := fields ->> 'session';
    NEW.agent := fields ->> 'agent';
    NEW.app := fields ->> 'app';
    NEW.speaker := fields ->> 'speaker';
    NEW.key := CASE WHEN strpos(NEW.unknown, '"key"') > 0 THEN cleaned ->> 'key' END;
    NEW.source := CASE WHEN strpos(NEW.unknown, '"source"') > 0 THEN CAST(cleaned -> 'source' AS jsonb) END;
    IF strpos(NEW.unknown, '"expires_at"') > 0 OR strpos(NEW.unknown, '"touched_at"') > 0 THEN
        NEW.expires_at := CAST(cleaned ->> 'expires_at' AS timestamptz);
        NEW.sliding_seconds := CAST(cleaned ->> 'sliding_seconds' AS bigint);
        NEW.touched_at := CAST(cleaned ->> 'touched_at' AS timestamptz);
    ELSE
        NEW.expires_at := NULL;
        NEW.sliding_seconds := NULL;
        NEW.touched_at := NULL;
    END IF;
    RETURN NEW;
END $$
"""

# Those of the revisions 0008, 0010, 0019 and 0015.
_FORMER = {
    "derive": r"""
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
""",
    "key": r"""
CREATE FUNCTION ninai_derive_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.key := CASE WHEN strpos(NEW.unknown, '"key"') > 0 THEN CAST(
        regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
    ) ->> 'key' END;
    RETURN NEW;
END $$
""",
    "expiry": r"""
CREATE FUNCTION ninai_derive_expiry() RETURNS trigger LANGUAGE plpgsql AS $$
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
""",
    "source": r"""
CREATE FUNCTION ninai_derive_source() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.source := CASE WHEN strpos(NEW.unknown, '"source"') > 0 THEN CAST(CAST(
        regexp_replace(NEW.unknown, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g') AS json
    ) -> 'source' AS jsonb) END;
    RETURN NEW;
END $$
""",
}
_FUNCTIONS = {
    "derive": "ninai_derive_columns()",
    "key": "ninai_derive_key()",
    "expiry": "ninai_derive_expiry()",
    "source": "ninai_derive_source()",
}

# Where a table is in the form to be distributed, columns are generated, and there is no trigger.
_GENERATED = """
    SELECT attgenerated = 's' FROM pg_attribute
    WHERE attrelid = CAST('ninai_memories' AS regclass) AND attname = 'session' AND NOT attisdropped
"""


def upgrade() -> None:
    """Put the trigger in the place of the four that derived columns; no row is read or written.

    It has the name of the first of them, so that it comes before those that look at what is derived, and the version
    before knows it. What an update makes of a version is still refused by a trigger of its own.
    """
    if op.get_bind().scalar(sa.text(_GENERATED)):
        return
    op.execute(_ADMIT)
    for name, function in _FUNCTIONS.items():
        op.execute(f"DROP TRIGGER ninai_memories_{name} ON ninai_memories")
        op.execute(f"DROP FUNCTION {function}")
    _trigger("derive", "INSERT OR UPDATE OF unknown", "ninai_admit()")
    op.execute("DROP TRIGGER ninai_memories_refuse ON ninai_memories")
    _trigger("refuse", "UPDATE OF version", "ninai_refuse_erased()")


def downgrade() -> None:
    """Put the former triggers back."""
    if op.get_bind().scalar(sa.text(_GENERATED)):
        return
    op.execute("DROP TRIGGER ninai_memories_refuse ON ninai_memories")
    _trigger("refuse", "INSERT OR UPDATE OF version", "ninai_refuse_erased()")
    op.execute("DROP TRIGGER ninai_memories_derive ON ninai_memories")
    op.execute("DROP FUNCTION ninai_admit()")
    for name, function in _FUNCTIONS.items():
        op.execute(_FORMER[name])
        _trigger(name, "INSERT OR UPDATE OF unknown", function)


def _trigger(name: str, on: str, function: str) -> None:
    op.execute(
        f"CREATE TRIGGER ninai_memories_{name} BEFORE {on} ON ninai_memories FOR EACH ROW EXECUTE FUNCTION {function}"
    )
