"""The steps that bring a journal's tables in PostgreSQL to what this program needs, all in one transaction."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.errors import Misconfigured
from providers.journal.postgres.append_function import CREATE_APPEND, CREATE_FORMER_APPEND
from providers.journal.postgres.append_leased_function import (
    CREATE_APPEND_FENCED,
    CREATE_APPEND_LEASED,
    CREATE_FORMER_APPEND_LEASED,
)
from providers.journal.postgres.changing_tables import NOTES
from providers.journal.postgres.changing_tables import TABLES as CHANGES
from providers.journal.postgres.erasure_tables import NAMES as ERASURE_NAMES
from providers.journal.postgres.erasure_tables import TABLES as ERASURES
from providers.journal.postgres.table_locks import lock_tables
from providers.journal.postgres.tables import CREATE, CREATION_LOCK
from providers.journal.steps import Forms, SchemaStep, counted
from providers.postgres.sampling import unsampled

# The column `version` is the form: every former program compares it.
FORMS = Forms(1, 1)

_COLUMN = """
    SELECT EXISTS (
        SELECT 1 FROM pg_catalog.pg_attribute
        WHERE attrelid = CAST('{table}' AS regclass) AND attname = '{column}' AND NOT attisdropped
    )
"""
_FUNCTION = """
    SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_proc WHERE proname = '{name}' AND pg_function_is_visible(oid))
"""

# Whoever may write entries may write to a new table: the owner of the tables need not be the role of the service.
_LIKE_ENTRIES = """
    DO $grants$
    DECLARE one text;
    BEGIN
        FOR one IN
            SELECT DISTINCT CASE grantee WHEN 'PUBLIC' THEN grantee ELSE quote_ident(grantee) END
            FROM information_schema.role_table_grants
            WHERE table_schema = current_schema() AND table_name = 'ninai_journal_entries'
                AND privilege_type = 'INSERT' AND grantee <> current_user
        LOOP
            EXECUTE 'GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO ' || one;
        END LOOP;
    END
    $grants$
"""

_USAGE_LIKE_ENTRIES = """
    DO $grants$
    DECLARE one text;
    BEGIN
        FOR one IN
            SELECT DISTINCT CASE grantee WHEN 'PUBLIC' THEN grantee ELSE quote_ident(grantee) END
            FROM information_schema.role_table_grants
            WHERE table_schema = current_schema() AND table_name = 'ninai_journal_entries'
                AND privilege_type = 'INSERT' AND grantee <> current_user
        LOOP
            EXECUTE 'GRANT USAGE ON SEQUENCE ninai_journal_fence_number TO ' || one;
        END LOOP;
    END
    $grants$
"""

STEPS = (
    # A tombstone that is a `trace` is kept by the journal alone: no member has a delivery of it.
    SchemaStep(
        title="traces of deletions that found nothing",
        statements=(
            "ALTER TABLE ninai_journal_entries ADD COLUMN trace boolean NOT NULL DEFAULT false",
            "CREATE INDEX ninai_journal_traces ON ninai_journal_entries (user_id, seq) WHERE trace",
        ),
        shown_by=_COLUMN.format(table="ninai_journal_entries", column="trace"),
    ),
    # Former programs call a function that came with this step; every function stands in the step that changed it last.
    SchemaStep(
        title="the ends of leases in the answer to an append",
        statements=(),
        shown_by=_FUNCTION.format(name="ninai_journal_append_lent"),
    ),
    SchemaStep(
        title="what the journal knows of the stores",
        statements=(
            "ALTER TABLE ninai_journal ADD COLUMN installation text",
            """
            ALTER TABLE ninai_journal_members
                ADD COLUMN epoch bigint NOT NULL DEFAULT 1,
                ADD COLUMN noted bigint NOT NULL DEFAULT 0,
                ADD COLUMN noted_at timestamptz,
                ADD COLUMN reserved bigint NOT NULL DEFAULT 0,
                ADD COLUMN lineage text,
                ADD COLUMN restored boolean NOT NULL DEFAULT false,
                ADD COLUMN behind float8
            """,
        ),
        shown_by=_COLUMN.format(table="ninai_journal_members", column="epoch"),
    ),
    # An edit that the state of its memory has no room for any more: `key` names it, `digest` is that of the change.
    SchemaStep(
        title="edits that a state does not keep",
        statements=(
            """
            CREATE TABLE ninai_journal_older_edits (
                user_id text NOT NULL,
                memory_id text NOT NULL,
                key text NOT NULL,
                digest text NOT NULL,
                noted_at timestamptz NOT NULL,
                PRIMARY KEY (user_id, memory_id, key)
            )
            """,
            "CREATE INDEX ninai_journal_older_edits_by_age ON ninai_journal_older_edits (noted_at)",
            _LIKE_ENTRIES.format(table="ninai_journal_older_edits"),
        ),
    ),
    SchemaStep(
        title="what is noted of the server's clock",  # see `clock.py`
        statements=(
            """
            ALTER TABLE ninai_journal ADD COLUMN clock_steps bigint NOT NULL DEFAULT 0,
                ADD COLUMN watched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                ADD COLUMN watched_since timestamptz NOT NULL DEFAULT clock_timestamp()
            """,
        ),
    ),
    # What an append has replaced, kept for the members that keep history; see `history.py`.
    SchemaStep(
        title="superseded versions",
        statements=(
            "ALTER TABLE ninai_journal_members ADD COLUMN keeps_history boolean NOT NULL DEFAULT false",
            """
            CREATE TABLE ninai_journal_superseded (
                user_id text NOT NULL,
                memory_id text NOT NULL,
                version bigint NOT NULL,
                seq bigint NOT NULL UNIQUE,
                kind text NOT NULL,
                state text NOT NULL,
                appended_at timestamptz NOT NULL,
                PRIMARY KEY (user_id, memory_id, version)
            )
            """,
            "CREATE INDEX ninai_journal_superseded_by_age ON ninai_journal_superseded (appended_at)",
            _LIKE_ENTRIES.format(table="ninai_journal_superseded"),
        ),
    ),
    SchemaStep(
        title="members that hold nothing but ours",
        statements=("ALTER TABLE ninai_journal_members ADD COLUMN ours boolean NOT NULL DEFAULT false",),
    ),
    SchemaStep(
        title="how far the patrol is",
        statements=("ALTER TABLE ninai_journal ADD COLUMN patrolled text",),
    ),
    SchemaStep(
        title="deletions of one version",
        statements=(),
    ),
    SchemaStep(
        title="erasures of users",
        statements=(
            *ERASURES,
            *(_LIKE_ENTRIES.format(table=name) for name in ERASURE_NAMES),
            _USAGE_LIKE_ENTRIES,
        ),
    ),
    SchemaStep(
        title="quarantines",
        statements=("ALTER TABLE ninai_journal ADD COLUMN quarantines text",),
    ),
    # Which transaction changed an entry, and how far those are who follow the changes; see `changing.py`.
    SchemaStep(
        title="the order of changes, and the places of webhooks",
        statements=(
            *CHANGES,
            _LIKE_ENTRIES.format(table=NOTES),
        ),
    ),
    SchemaStep(
        title="answers to programs that know no erasures",
        statements=(
            CREATE_APPEND_FENCED,
            CREATE_APPEND_LEASED,
            CREATE_FORMER_APPEND,
            CREATE_FORMER_APPEND_LEASED,
        ),
    ),
    SchemaStep(
        title="no samples of texts for the planner",
        statements=(
            *unsampled("ninai_journal_entries", ("digest", "state")),
            *unsampled("ninai_journal_superseded", ("state",)),
            *unsampled(NOTES, ("note",)),
            *unsampled("ninai_journal_erasures", ("owner", "body")),
        ),
    ),
    SchemaStep(
        title="no version of a memory that was refused",
        statements=(),
    ),
    SchemaStep(
        title="no change of a memory that was erased",
        statements=(CREATE_APPEND,),
    ),
)

# Not to_regclass(), which caches that the table was missing before this connection waited for the lock.
_EXISTS = text("""
    SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class WHERE relname = 'ninai_journal' AND pg_table_is_visible(oid))
""")
# Tables that do not count their steps have no column of that name.
_JOURNAL = text("SELECT id, version AS form, CAST(to_jsonb(j) ->> 'step' AS int) AS step FROM ninai_journal AS j")
_INSERT_JOURNAL = text("INSERT INTO ninai_journal (version) VALUES (:form)")
_COUNT = "ALTER TABLE ninai_journal ADD COLUMN IF NOT EXISTS step int NOT NULL DEFAULT 0"
_TAKEN = text("UPDATE ninai_journal SET step = :step, version = :form")
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_FORBIDDEN = "42501"  # insufficient_privilege
_FORM = 1  # of the tables that `CREATE` makes


class Tables(Struct, frozen=True):
    """The tables of one journal: its name, their form, and how many steps they have."""

    id: str
    form: int
    taken: int

    def lack(self, steps: Sequence[SchemaStep] = STEPS) -> bool:
        """Return whether steps are missing."""
        return self.taken < len(steps)


async def find(connection: AsyncConnection, steps: Sequence[SchemaStep] = STEPS) -> Tables | None:
    """Return what is there, None if there are no tables.

    Raises:
        Misconfigured: the tables are of a form that this program does not know.
    """
    if not await connection.scalar(_EXISTS):
        return None
    row = (await connection.execute(_JOURNAL)).one()
    refused = FORMS.refusal(row.form)
    if refused is not None:
        raise Misconfigured(refused)
    if row.step is not None:
        return Tables(str(row.id), row.form, row.step)
    shown = [step.shown_by is not None and bool(await connection.scalar(text(step.shown_by))) for step in steps]
    return Tables(str(row.id), row.form, counted(shown))


async def upgrade(connection: AsyncConnection, steps: Sequence[SchemaStep] = STEPS) -> tuple[Tables, int]:
    """Create the tables if there are none, and take the steps that they lack; return them, and how many steps it took.

    The caller's transaction is the only one at a time that does this.
    """
    await connection.execute(_LOCK, {"key": CREATION_LOCK})
    tables = await find(connection, steps)
    first = 0 if tables is None else tables.taken
    if tables is None:
        await _run(connection, CREATE)
        await connection.execute(_INSERT_JOURNAL, {"form": _FORM})
    missing = steps[first:]
    if missing:
        await lock_tables(connection)
        await _run(connection, [*(statement for step in missing for statement in step.statements), _COUNT])
        form = max([_FORM if tables is None else tables.form, *(step.form for step in missing if step.form)])
        await connection.execute(_TAKEN, {"step": len(steps), "form": form})
    row = (await connection.execute(_JOURNAL)).one()
    return Tables(str(row.id), row.form, row.step), len(missing) if tables is not None else 0


def is_forbidden(error: DBAPIError) -> bool:
    """Return whether the role may not change the tables."""
    return getattr(error.orig, "sqlstate", None) == _FORBIDDEN


async def _run(connection: AsyncConnection, statements: Sequence[str]) -> None:
    for statement in statements:
        # Executed without text(), which would take the colons of ":=" for parameters.
        await connection.exec_driver_sql(statement)
