"""What the tables of a journal need to tell their changes in order, and the table of those who follow them."""

NOTES = "ninai_journal_webhooks"
# The first default is a number before all, which the rows that are there get without being written.
TABLES = (
    "ALTER TABLE ninai_journal_entries ADD COLUMN changed xid8 NOT NULL DEFAULT '3'",
    "ALTER TABLE ninai_journal_entries ALTER COLUMN changed SET DEFAULT pg_current_xact_id()",
    "CREATE INDEX ninai_journal_changes ON ninai_journal_entries (changed, seq) WHERE NOT trace",
    f"""
    CREATE TABLE {NOTES} (
        name text NOT NULL,
        seq bigint NOT NULL,
        user_id text NOT NULL,
        note text NOT NULL,
        PRIMARY KEY (name, seq)
    )
    """,
    f"CREATE INDEX ninai_journal_webhooks_of_user ON {NOTES} (user_id)",
)
