"""The tables of the journal's file, and the marks by which the file is recognised."""

import sqlite3
from uuid import uuid4

from providers.journal.base import JournalUnavailable
from providers.journal.sqlite.steps import FORMS, upgrade

APPLICATION_ID = 0x4E696E61  # "Nina"

# A memory has one row, that of its newest operation, because no query needs an older one. `state` is the text of
# `codec.encode`; a field has a column of its own only where a query needs it. All moments are seconds since 1970 by the
# connection's clock. A delivery without `due_at` is a dead letter: no comparison with NULL is true, so that no query
# for due deliveries finds it. Later additions are in `steps.py`, so that a new file and an upgraded one have the same
# tables: these statements stay as they are.
_FORM = 2
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
    fill_after TEXT
) STRICT;

CREATE TABLE claims (
    task TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in a new database, with a new id for the journal."""
    connection.executescript(f"BEGIN; {_TABLES} COMMIT")
    connection.execute("INSERT INTO meta (journal_id) VALUES (?)", (str(uuid4()),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {_FORM}")
    upgrade(connection)


def rename(connection: sqlite3.Connection) -> None:
    """Give the journal of a copied database an id of its own."""
    connection.execute("UPDATE meta SET journal_id = ?", (str(uuid4()),))


def recognise(connection: sqlite3.Connection) -> str:
    """Return the journal's id.

    Raises:
        JournalUnavailable: the database is no journal, or one of a form that this program does not know.
    """
    [application_id] = connection.execute("PRAGMA application_id").fetchone()
    [form] = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise JournalUnavailable("it is a database, but not a journal")
    refused = FORMS.refusal(form)
    if refused is not None:
        raise JournalUnavailable(refused)
    [journal_id] = connection.execute("SELECT journal_id FROM meta").fetchone()
    return str(journal_id)
