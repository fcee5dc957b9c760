-- The tables of the journal as they were before it counted the steps of its tables.
PRAGMA journal_mode = WAL;

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

INSERT INTO meta (journal_id) VALUES ('0d9f6a51-7c43-4b0e-8f5b-1f2f0a7c9e11');
PRAGMA application_id = 1315532385;
PRAGMA user_version = 2;
