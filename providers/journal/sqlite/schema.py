"""The tables of the journal's file, and how its own file is told from others."""

import sqlite3
from uuid import uuid4

from providers.journal.base import JournalUnavailable

APPLICATION_ID = 0x4E696E61  # "Nina"
SCHEMA_VERSION = 1

# A memory has one row, that of its newest operation: nothing ever asks for an older one. All moments are seconds since
# 1970 by the ledger's clock, but those of a memory, which are whole microseconds and come back exactly.
# A delivery without `due_at` is a dead letter: comparing with NULL keeps it out of everything that asks for due ones.
_TABLES = """
CREATE TABLE meta (
    journal_id TEXT NOT NULL
) STRICT;

CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    memory_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    appended_at REAL NOT NULL,
    created_at INTEGER,
    updated_at INTEGER,
    digest BLOB,
    edits TEXT,
    metadata TEXT,
    content TEXT
) STRICT;
CREATE UNIQUE INDEX operations_of_memory ON operations (user_id, memory_id);
CREATE INDEX tombstones ON operations (seq) WHERE kind = 'delete';
CREATE INDEX tombstones_of_user ON operations (user_id) WHERE kind = 'delete';
CREATE INDEX operations_by_age ON operations (appended_at, seq, user_id) WHERE kind <> 'delete';

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
    fill_after TEXT
) STRICT;

CREATE TABLE claims (
    task TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


# What came later; a program that does not know of it goes on with these tables, so that the version stays.
_TRACES = (
    "ALTER TABLE operations ADD COLUMN trace INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX traces_of_user ON operations (user_id, seq) WHERE trace = 1",
)


def create(connection: sqlite3.Connection) -> None:
    """Make a new database a journal, with an id of its own."""
    connection.executescript(f"BEGIN; {_TABLES} {'; '.join(_TRACES)}; COMMIT")
    connection.execute("INSERT INTO meta (journal_id) VALUES (?)", (str(uuid4()),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def recognise(connection: sqlite3.Connection) -> str:
    """Give the journal's id.

    Raises:
        JournalUnavailable: this is no journal, or one of a newer version.
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
    """Add what an earlier version of this program did not make; it may go on with the journal meanwhile."""
    if _is_current(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_current(connection):  # others may have been faster
            for statement in _TRACES:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _is_current(connection: sqlite3.Connection) -> bool:
    return any(name == "trace" for _, name, *_ in connection.execute("PRAGMA table_info(operations)"))
