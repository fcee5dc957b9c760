"""The tables of erasures in a journal in PostgreSQL, and the hash of an owner as SQL computes it."""

# Beside the hashes that `hash_of` makes: the append asks for the fences of all owners whom a call is about.
HASH = "encode(sha256(decode({key}, 'hex') || convert_to({owner}, 'UTF8')), 'hex')"

TABLES = (
    "CREATE SEQUENCE ninai_journal_fence_number",
    """
    CREATE TABLE ninai_journal_fences (
        key text NOT NULL,
        hash text NOT NULL,
        version bigint NOT NULL,
        erased_at timestamptz NOT NULL,
        number bigint NOT NULL,
        PRIMARY KEY (hash, key)
    )
    """,
    "CREATE INDEX ninai_journal_fences_by_number ON ninai_journal_fences (number)",
    "CREATE TABLE ninai_journal_fence_keys (key text PRIMARY KEY)",
    """
    CREATE TABLE ninai_journal_erasures (
        id text PRIMARY KEY,
        owner text NOT NULL,
        requested_at timestamptz NOT NULL,
        body text NOT NULL
    )
    """,
    "CREATE INDEX ninai_journal_erasures_by_age ON ninai_journal_erasures (requested_at)",
    "CREATE INDEX ninai_journal_open_erasures ON ninai_journal_erasures (owner) WHERE owner <> ''",
)
NAMES = ("ninai_journal_fences", "ninai_journal_fence_keys", "ninai_journal_erasures")
