"""The steps that bring the tables of a journal's file to what this program needs, each in one transaction."""

import sqlite3
from collections.abc import Sequence

from providers.journal.sqlite.changing import TABLES as WEBHOOKS
from providers.journal.sqlite.erasing import TABLES as ERASURES
from providers.journal.steps import Forms, SchemaStep, counted

# `PRAGMA user_version` is the form, because every former program compares it. A file of form 1 has been created by a
# program that kept a state in a column for each field, and keeps its form, so that this program can go on with it (see
# `former.py`). Such a program refuses form 2, where it would miss those columns.
FORMS = Forms(1, 2)

_HAS_COLUMN = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('{table}') WHERE name = '{column}')"
_HAS_COUNT = _HAS_COLUMN.format(table="meta", column="step")

STEPS = (
    SchemaStep(
        title="traces of deletions that found nothing",
        statements=(
            "ALTER TABLE operations ADD COLUMN trace INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX traces_of_user ON operations (user_id, seq) WHERE trace = 1",
        ),
        shown_by=_HAS_COLUMN.format(table="operations", column="trace"),
    ),
    SchemaStep(
        title="the text of a state",
        statements=("ALTER TABLE operations ADD COLUMN state TEXT",),
        shown_by=_HAS_COLUMN.format(table="operations", column="state"),
    ),
    SchemaStep(
        title="what the journal knows of the stores",
        statements=(
            "ALTER TABLE meta ADD COLUMN installation TEXT",
            "ALTER TABLE members ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1",
            "ALTER TABLE members ADD COLUMN noted INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE members ADD COLUMN noted_at REAL NOT NULL DEFAULT 0",
            "ALTER TABLE members ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE members ADD COLUMN lineage TEXT",
            "ALTER TABLE members ADD COLUMN restored INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE members ADD COLUMN behind REAL",
        ),
        shown_by=_HAS_COLUMN.format(table="members", column="epoch"),
    ),
    # An edit that the state of its memory has no room for any more: `key` names it, `digest` is that of the change.
    SchemaStep(
        title="edits that a state does not keep",
        statements=(
            """CREATE TABLE older_edits (
                user_id TEXT NOT NULL,
                memory_id TEXT NOT NULL,
                key TEXT NOT NULL,
                digest TEXT NOT NULL,
                noted_at REAL NOT NULL,
                PRIMARY KEY (user_id, memory_id, key)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX older_edits_by_age ON older_edits (noted_at)",
        ),
    ),
    SchemaStep(
        title="the clock of the journal",  # see `clock.py`
        statements=("CREATE TABLE clock (boot TEXT NOT NULL, running REAL NOT NULL, moment REAL NOT NULL) STRICT",),
    ),
    # A trigger, because a former program that deletes a memory knows nothing of the versions that are kept of it.
    SchemaStep(
        title="superseded versions",
        statements=(
            "ALTER TABLE members ADD COLUMN keeps_history INTEGER NOT NULL DEFAULT 0",
            """CREATE TABLE superseded (
                seq INTEGER PRIMARY KEY,
                user_id TEXT NOT NULL,
                memory_id TEXT NOT NULL,
                version INTEGER NOT NULL,
                kind TEXT NOT NULL,
                state TEXT NOT NULL,
                appended_at REAL NOT NULL
            ) STRICT""",
            "CREATE UNIQUE INDEX superseded_versions ON superseded (user_id, memory_id, version)",
            "CREATE INDEX superseded_by_age ON superseded (appended_at)",
            """CREATE TRIGGER erase_superseded AFTER INSERT ON operations
            WHEN NEW.kind = 'delete' AND EXISTS (
                SELECT 1 FROM superseded AS s WHERE s.user_id = NEW.user_id AND s.memory_id = NEW.memory_id
            ) BEGIN
                DELETE FROM deliveries WHERE user_id = NEW.user_id AND seq IN (
                    SELECT s.seq FROM superseded AS s WHERE s.user_id = NEW.user_id AND s.memory_id = NEW.memory_id
                );
                DELETE FROM superseded WHERE user_id = NEW.user_id AND memory_id = NEW.memory_id;
            END""",
        ),
    ),
    SchemaStep(
        title="members that hold nothing but ours",
        statements=("ALTER TABLE members ADD COLUMN ours INTEGER NOT NULL DEFAULT 0",),
    ),
    SchemaStep(
        title="how far the patrol is",
        statements=("ALTER TABLE meta ADD COLUMN patrolled TEXT",),
    ),
    SchemaStep(title="erasures of users", statements=ERASURES),
    SchemaStep(
        title="quarantines",
        statements=("ALTER TABLE meta ADD COLUMN quarantines TEXT",),
    ),
    SchemaStep(title="the places of webhooks", statements=WEBHOOKS),
)


def upgrade(connection: sqlite3.Connection, steps: Sequence[SchemaStep] = STEPS) -> int:
    """Take the steps that the tables lack, and return their number; many processes may do so at the same time."""
    first = taken = steps_taken(connection, steps)
    while taken < len(steps):
        connection.execute("BEGIN IMMEDIATE")
        try:
            taken = steps_taken(connection, steps)  # more than before, if another process was faster
            if taken < len(steps):
                _take(connection, taken + 1, steps[taken])
                taken += 1
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return taken - first


def steps_taken(connection: sqlite3.Connection, steps: Sequence[SchemaStep] = STEPS) -> int:
    """Return the number of the last step that was taken."""
    if _is_true(connection, _HAS_COUNT):
        return int(connection.execute("SELECT step FROM meta").fetchone()[0])
    return counted([step.shown_by is not None and _is_true(connection, step.shown_by) for step in steps])


def _take(connection: sqlite3.Connection, number: int, step: SchemaStep) -> None:
    for statement in step.statements:
        connection.execute(statement)
    if not _is_true(connection, _HAS_COUNT):
        connection.execute("ALTER TABLE meta ADD COLUMN step INTEGER NOT NULL DEFAULT 0")
    connection.execute("UPDATE meta SET step = ?", (number,))
    if step.form is not None:
        connection.execute(f"PRAGMA user_version = {step.form}")


def _is_true(connection: sqlite3.Connection, question: str) -> bool:
    [answer] = connection.execute(question).fetchone()
    return bool(answer)
