"""The statements on superseded versions, which are kept for the members that keep the history of memories."""

from sqlalchemy import text

from providers.journal.postgres.statements import WATCHED

_UNCONFIRMED = """EXISTS (
        SELECT 1 FROM ninai_journal_deliveries AS d WHERE d.user_id = s.user_id AND d.seq = s.seq
    )"""

OF_ONE = text("""
    SELECT state FROM ninai_journal_superseded WHERE user_id = :user_id AND memory_id = :memory_id
""")

PRUNABLE = text(f"""
    SELECT s.seq FROM ninai_journal_superseded AS s
    WHERE s.appended_at <= clock_timestamp() - make_interval(secs => CAST(:seconds AS float8)) AND {WATCHED}
        AND NOT {_UNCONFIRMED}
    ORDER BY s.appended_at LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

# Under the lock that keeps others from adding a delivery.
DROP = text(f"""
    DELETE FROM ninai_journal_superseded AS s WHERE s.seq = ANY (CAST(:seqs AS bigint[])) AND NOT {_UNCONFIRMED}
""")  # noqa: S608 - joined from constants

DISCARD = text("""
    DELETE FROM ninai_journal_deliveries AS d USING ninai_journal_superseded AS s
    WHERE d.provider = :provider AND d.seq = CAST(:seq AS bigint) AND d.dead AND s.seq = d.seq
""")

NOTE = text("""
    UPDATE ninai_journal_members SET keeps_history = :keeps WHERE name = :name AND keeps_history <> :keeps
""")

DELIVER = text("""
    INSERT INTO ninai_journal_deliveries (provider, seq, user_id, since, due_at)
    SELECT m.name, s.seq, s.user_id, clock_timestamp(), clock_timestamp()
    FROM ninai_journal_members AS m CROSS JOIN LATERAL (
        SELECT seq, user_id FROM ninai_journal_superseded
        WHERE seq > CAST(:after AS bigint) ORDER BY seq LIMIT CAST(:limit AS int)
    ) AS s WHERE m.name = :name
    ON CONFLICT (provider, seq) DO UPDATE SET seq = excluded.seq
    RETURNING seq
""")

# In the order in which all lock deliveries.
DROP_DELIVERIES = text("""
    DELETE FROM ninai_journal_deliveries WHERE (provider, seq) IN (
        SELECT d.provider, d.seq FROM ninai_journal_deliveries AS d JOIN ninai_journal_superseded AS s USING (seq)
        WHERE d.provider = :name ORDER BY d.seq FOR UPDATE OF d
    )
""")
