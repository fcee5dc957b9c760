"""The tables of the journal's file, and the marks by which the file is recognised."""

import sqlite3
from uuid import uuid4

from providers.journal.base import JournalUnavailable

APPLICATION_ID = 0x4E696E61  # "Nina"

# Of the files that this program creates. An earlier program refuses them, because it reads the state of a memory from
# columns that they do not have. A file of version 1 keeps those columns and its version, so that the earlier program
# can go on with it (see `former.py`): tables that exist are only added to.
SCHEMA_VERSION = 2

# A memory has one row, that of its newest operation, because no query needs an older one. `state` is the text of
# `codec.encode`; a field has a column of its own only where a query needs it. All moments are seconds since 1970 by the
# connection's clock. A delivery without `due_at` is a dead letter: no comparison with NULL is true, so that no query
# for due deliveries finds it.
_TABLES = """
CREATE TABLE meta (
    journal_id TEXT NOT NULL,
    installation TEXT
) STRICT;

CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    memory_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    appended_at REAL NOT NULL,
    trace INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX operations_of_memory ON operations (user_id, memory_id);
CREATE INDEX tombstones ON operations (seq) WHERE kind = 'delete';
CREATE INDEX tombstones_of_user ON operations (user_id) WHERE kind = 'delete';
CREATE INDEX operations_by_age ON operations (appended_at, seq, user_id) WHERE kind <> 'delete';
CREATE INDEX traces_of_user ON operations (user_id, seq) WHERE trace = 1;

CREATE TABLE deliveries (
    user_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    provider TEXT NOT NULL,
    due_at REAL,
    made_at REAL NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    failed_at REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, seq, provider)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (provider, due_at, seq, made_at);
CREATE INDEX dead_letters ON deliveries (seq) WHERE due_at IS NULL;

CREATE TABLE members (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    identity TEXT,
    state TEXT NOT NULL,
    joined_at REAL NOT NULL,
    copied INTEGER NOT NULL DEFAULT 0,
    copied_users INTEGER NOT NULL DEFAULT 0,
    fill_after TEXT,
    epoch INTEGER NOT NULL DEFAULT 1,
    noted INTEGER NOT NULL DEFAULT 0,
    noted_at REAL NOT NULL DEFAULT 0,
    reserved INTEGER NOT NULL DEFAULT 0,
    lineage TEXT,
    restored INTEGER NOT NULL DEFAULT 0,
    behind REAL
) STRICT;

CREATE TABLE claims (
    task TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""

# The columns that a file of an earlier program may lack, by table, with the statements that add them.
_ADDED = {
    ("operations", "trace"): (
        "ALTER TABLE operations ADD COLUMN trace INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX traces_of_user ON operations (user_id, seq) WHERE trace = 1",
    ),
    ("operations", "state"): ("ALTER TABLE operations ADD COLUMN state TEXT",),
    ("meta", "installation"): ("ALTER TABLE meta ADD COLUMN installation TEXT",),
    ("members", "epoch"): (
        "ALTER TABLE members ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE members ADD COLUMN noted INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE members ADD COLUMN noted_at REAL NOT NULL DEFAULT 0",
        "ALTER TABLE members ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE members ADD COLUMN lineage TEXT",
        "ALTER TABLE members ADD COLUMN restored INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE members ADD COLUMN behind REAL",
    ),
}


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in a new database, with a new id for the journal."""
    connection.executescript(f"BEGIN; {_TABLES} COMMIT")
    connection.execute("INSERT INTO meta (journal_id) VALUES (?)", (str(uuid4()),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def recognise(connection: sqlite3.Connection) -> str:
    """Return the journal's id.

    Raises:
        JournalUnavailable: the database is no journal, or one of a newer version.
    """
    [application_id] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise JournalUnavailable("it is a database, but not a journal")
    if version > SCHEMA_VERSION:
        raise JournalUnavailable(f"it was made by a newer version of this program (schema {version})")
    [journal_id] = connection.execute("SELECT journal_id FROM meta").fetchone()
    return str(journal_id)


def upgrade(connection: sqlite3.Connection) -> None:
    """Add the columns that an earlier version of this program did not know; it may go on with the file meanwhile."""
    if not _missing(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for column in _missing(connection):  # none any more, if another process was faster
            for statement in _ADDED[column]:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _missing(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = {table for table, _ in _ADDED}
    found = {(table, name) for table in tables for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    return [column for column in _ADDED if column not in found]
