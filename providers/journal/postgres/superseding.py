"""The statements on superseded versions, which are kept for the members that keep the history of memories."""

from sqlalchemy import text

from providers.journal.postgres.erasure_tables import HASH
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

# Under the lock that keeps others from appending a deletion, which would not see what is kept at the same moment.
KEEP = text(f"""
    WITH given AS MATERIALIZED (
        SELECT g.* FROM unnest(
            CAST(:users AS text[]), CAST(:memories AS text[]), CAST(:versions AS bigint[]), CAST(:states AS text[])
        ) WITH ORDINALITY AS g (user_id, memory_id, version, state, place)
    ), fenced AS MATERIALIZED (
        SELECT u.user_id, max(f.version) AS version
        FROM (SELECT DISTINCT user_id FROM given) AS u CROSS JOIN ninai_journal_fence_keys AS k
        JOIN ninai_journal_fences AS f ON f.key = k.key AND f.hash = {HASH.format(key="k.key", owner="u.user_id")}
        GROUP BY u.user_id
    ), judged AS MATERIALIZED (
        SELECT g.*, x.version AS erased, coalesce(e.kind = 'delete', false) AS deleted
        FROM given AS g LEFT JOIN fenced AS x ON x.user_id = g.user_id AND g.version <= x.version
        LEFT JOIN ninai_journal_entries AS e ON e.user_id = g.user_id AND e.memory_id = g.memory_id
    ), new AS (
        INSERT INTO ninai_journal_superseded AS s (user_id, memory_id, version, seq, kind, state, appended_at)
        SELECT j.user_id, j.memory_id, j.version, nextval('ninai_journal_seq'), 'update', j.state, clock_timestamp()
        FROM judged AS j WHERE j.erased IS NULL AND NOT j.deleted
            AND EXISTS (SELECT FROM ninai_journal_members AS m WHERE m.keeps_history)
        ORDER BY j.place
        ON CONFLICT ON CONSTRAINT ninai_journal_superseded_pkey DO NOTHING
        RETURNING s.user_id, s.memory_id, s.version, s.seq
    ), delivered AS (
        INSERT INTO ninai_journal_deliveries AS d (provider, seq, user_id, since, due_at)
        SELECT m.name, n.seq, n.user_id, clock_timestamp(), clock_timestamp()
            + make_interval(secs => CASE WHEN m.name = :held THEN CAST(:seconds AS float8) ELSE 0 END)
        FROM new AS n CROSS JOIN ninai_journal_members AS m WHERE m.keeps_history
        RETURNING d.provider, d.seq
    )
    SELECT j.place, j.erased, j.deleted, coalesce(n.seq, s.seq, 0) AS seq,
        n.seq IS NULL AND s.seq IS NOT NULL AS found, CASE
        WHEN n.seq IS NULL THEN ARRAY(
            SELECT d.provider FROM ninai_journal_deliveries AS d WHERE d.user_id = j.user_id AND d.seq = s.seq
        ) ELSE ARRAY(SELECT d.provider FROM delivered AS d WHERE d.seq = n.seq) END AS pending
    FROM judged AS j LEFT JOIN new AS n USING (user_id, memory_id, version)
    LEFT JOIN ninai_journal_superseded AS s USING (user_id, memory_id, version)
    ORDER BY j.place
""")  # noqa: S608 - joined from constants

# What is acknowledged must be on the disk, whatever the server's default.
TO_DISK = text("""
    SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'
""")

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
