"""The statements that create the journal's tables.

A memory has one entry, that of its newest operation; an append replaces it, with a new `seq`. Its `state` is the text
of `codec.encode`. A delivery exists for each member that has not confirmed the entry with that `seq`; its `due_at` is
also the end of a lease. It is in no index, so that leasing rewrites none. In the row about the journal itself, `joined`
counts all members that ever joined, and `last_dropped` is the greatest `seq` of the dropped entries.
"""

# The version changes as soon as a program that knows only the former one could not go on with the tables. Additions
# leave it as it is: see `UPGRADE`.
VERSION = 1

# "ninaj" in ASCII, then the number of the lock. The first one is held while the tables are created. The second one is
# shared by appends, and exclusive to changes of the list of members and to the dropping of entries.
CREATION_LOCK = 0x6E696E616A01
LOCK = 0x6E696E616A02

CREATE = (
    """
    CREATE TABLE ninai_journal (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        version int NOT NULL,
        joined bigint NOT NULL DEFAULT 0,
        last_dropped bigint NOT NULL DEFAULT 0,
        made_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE SEQUENCE ninai_journal_seq",
    """
    CREATE TABLE ninai_journal_members (
        name text PRIMARY KEY,
        place bigint NOT NULL,
        identity text,
        state text NOT NULL,
        joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        copied bigint NOT NULL DEFAULT 0,
        copied_users bigint NOT NULL DEFAULT 0,
        fill_after text
    )
    """,
    """
    CREATE TABLE ninai_journal_entries (
        user_id text NOT NULL,
        memory_id text NOT NULL,
        seq bigint NOT NULL UNIQUE,
        kind text NOT NULL,
        version bigint NOT NULL,
        digest bytea NOT NULL,
        state text NOT NULL,
        appended_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, memory_id)
    )
    """,
    "CREATE INDEX ninai_journal_tombstones ON ninai_journal_entries (user_id, seq) WHERE kind = 'delete'",
    "CREATE INDEX ninai_journal_prunable ON ninai_journal_entries (appended_at, seq) WHERE kind <> 'delete'",
    """
    CREATE TABLE ninai_journal_deliveries (
        provider text NOT NULL,
        seq bigint NOT NULL,
        user_id text NOT NULL,
        since timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        failures int NOT NULL DEFAULT 0,
        failed_at timestamptz,
        error text NOT NULL DEFAULT '',
        dead boolean NOT NULL DEFAULT false,
        PRIMARY KEY (provider, seq)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX ninai_journal_pending ON ninai_journal_deliveries (user_id, seq) INCLUDE (provider)",
    "CREATE INDEX ninai_journal_dead ON ninai_journal_deliveries (seq) WHERE dead",
    "CREATE TABLE ninai_journal_claims (task text PRIMARY KEY, holder text NOT NULL, ends_at timestamptz NOT NULL)",
)

# Additions to the tables of an earlier program, which may go on with them meanwhile. A tombstone that is a `trace` is
# kept by the journal alone: no member has a delivery of it.
UPGRADE = (
    "ALTER TABLE ninai_journal_entries ADD COLUMN trace boolean NOT NULL DEFAULT false",
    "CREATE INDEX ninai_journal_traces ON ninai_journal_entries (user_id, seq) WHERE trace",
)

# What is noted of the server's clock: see `clock.py`.
UPGRADE_CLOCK = (
    """
    ALTER TABLE ninai_journal ADD COLUMN steps bigint NOT NULL DEFAULT 0,
        ADD COLUMN watched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        ADD COLUMN watched_since timestamptz NOT NULL DEFAULT clock_timestamp()
    """,
)

# What the journal knows of the stores; an earlier program knows nothing of it, and lets it be.
UPGRADE_STORES = (
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
)
