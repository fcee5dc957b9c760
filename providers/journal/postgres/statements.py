"""The statements on operations and their deliveries; each is one round trip, except those that lock."""

from sqlalchemy import text

from providers.journal.base import NEWEST_SEARCHED
from providers.journal.postgres.tables import LOCK
from providers.journal.rows import DISCARDED

LOCK_ALONE = text(f"SELECT pg_advisory_xact_lock({LOCK})")
LOCK_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({LOCK})")

APPEND = text("""
    SELECT place, outcome, known_seq, known_kind, known_state, pending, former, until FROM ninai_journal_append_fenced(
        CAST(:kinds AS text[]), CAST(:users AS text[]), CAST(:memories AS text[]), CAST(:versions AS bigint[]),
        CAST(:bases AS bigint[]), CAST(:digests AS bytea[]), CAST(:states AS text[]), CAST(:helds AS text[]),
        CAST(:seconds AS float8[]), CAST(:edits AS text[]), CAST(:olders AS text[])
    )
""")

# A statement that a crash of the server may undo, at the price of a repetition, does not wait for the disk.
_QUICK = "quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"

_PENDING = "ARRAY(SELECT d.provider FROM ninai_journal_deliveries AS d WHERE d.user_id = e.user_id AND d.seq = e.seq)"
_ENTRY = f"e.seq, e.kind, e.state, {_PENDING} AS pending"
_CONFIRMED = "NOT EXISTS (SELECT 1 FROM ninai_journal_deliveries AS d WHERE d.user_id = e.user_id AND d.seq = e.seq)"

NEWEST = text(f"""
    SELECT {_ENTRY} FROM ninai_journal_entries AS e WHERE e.user_id = :user_id AND e.memory_id = :memory_id
""")  # noqa: S608 - joined from constants

NEWEST_OF = text(f"""
    SELECT {_ENTRY} FROM ninai_journal_entries AS e
    WHERE e.user_id = :user_id AND e.memory_id = ANY (CAST(:memory_ids AS text[]))
""")  # noqa: S608 - joined from constants

UNDELIVERED = text("""
    SELECT e.version, array_agg(DISTINCT d.provider) AS providers FROM (
        SELECT user_id, seq, version FROM ninai_journal_entries
        WHERE user_id = :user_id AND memory_id = :memory_id
        UNION ALL
        SELECT user_id, seq, version FROM ninai_journal_superseded
        WHERE user_id = :user_id AND memory_id = :memory_id
    ) AS e JOIN ninai_journal_deliveries AS d ON d.user_id = e.user_id AND d.seq = e.seq
    WHERE NOT d.dead GROUP BY e.version
""")

# A lateral join reads one entry after the other; a hash join would read those of all users.
ENTRIES = text(f"""
    SELECT {_ENTRY} FROM (
        SELECT n.* FROM ninai_journal_deliveries AS p CROSS JOIN LATERAL (
            SELECT user_id, seq, kind, state FROM ninai_journal_entries WHERE seq = p.seq OFFSET 0
        ) AS n WHERE p.user_id = :user_id AND p.provider = :provider ORDER BY p.seq DESC LIMIT CAST(:limit AS int)
    ) AS e
    UNION ALL
    SELECT {_ENTRY} FROM (
        SELECT user_id, seq, kind, state FROM ninai_journal_entries AS t
        WHERE user_id = :user_id AND kind = 'delete' AND NOT EXISTS (
            SELECT 1 FROM ninai_journal_deliveries AS d WHERE d.provider = :provider AND d.seq = t.seq
        ) ORDER BY seq DESC LIMIT CAST(:tombstones AS int)
    ) AS e
    ORDER BY seq DESC
""")  # noqa: S608 - joined from constants

# Searched are only the newest, so that a long backlog of the provider does not have every entry read.
CONFIRMED = text(f"""
    SELECT {_ENTRY} FROM (
        SELECT user_id, seq, kind, state, trace, appended_at FROM ninai_journal_entries
        ORDER BY seq DESC LIMIT {NEWEST_SEARCHED}
    ) AS e WHERE NOT e.trace AND e.appended_at <= clock_timestamp() - make_interval(secs => CAST(:seconds AS float8))
        AND NOT EXISTS (
            SELECT 1 FROM ninai_journal_deliveries AS d WHERE d.provider = :provider AND d.seq = e.seq
        ) ORDER BY e.seq DESC LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

DELETED = text("""
    SELECT memory_id FROM ninai_journal_entries
    WHERE user_id = :user_id AND memory_id = ANY (CAST(:memory_ids AS text[])) AND kind = 'delete'
""")

# What one delivery `{0}` is about, whether it is still the newest of its memory or not.
_DELIVERED = """LATERAL (
        SELECT user_id, memory_id, kind, state, appended_at, false AS superseded
        FROM ninai_journal_entries WHERE seq = {0}.seq
        UNION ALL
        SELECT user_id, memory_id, kind, state, appended_at, true AS superseded
        FROM ninai_journal_superseded WHERE seq = {0}.seq
    ) AS e"""

LEASE = text(f"""
    WITH {_QUICK}, due AS MATERIALIZED (
        SELECT d.provider, d.seq FROM quick, ninai_journal_deliveries AS d
        WHERE d.provider = :provider AND NOT d.dead AND d.due_at <= clock_timestamp()
        ORDER BY d.seq LIMIT CAST(:limit AS int) FOR UPDATE OF d SKIP LOCKED
    )
    UPDATE ninai_journal_deliveries AS d
    SET due_at = clock_timestamp() + make_interval(secs => CAST(:seconds AS float8))
    FROM due CROSS JOIN {_DELIVERED.format("due")}
    WHERE d.provider = due.provider AND d.seq = due.seq
    RETURNING d.seq, d.provider, e.kind, e.state,
        CAST(extract(epoch FROM e.appended_at) AS float8) AS appended_at,
        CAST(extract(epoch FROM d.due_at) AS float8) AS until, d.failures,
        coalesce(CAST(extract(epoch FROM d.failed_at) AS float8), 0) AS failed_at, d.error, e.superseded
""")  # noqa: S608 - joined from constants

# Returns the deliveries that existed; not those of superseded versions, since another delivery may wait for them.
SETTLE = text(f"""
    WITH {_QUICK}, given AS MATERIALIZED (
        SELECT g.* FROM quick, unnest(
            CAST(:providers AS text[]), CAST(:seqs AS bigint[]), CAST(:verdicts AS text[]), CAST(:delays AS float8[]),
            CAST(:errors AS text[]), CAST(:counts AS int[])
        ) AS g (provider, seq, verdict, delay, error, counts)
    ), locked AS MATERIALIZED (
        SELECT d.provider, d.seq, g.verdict, g.delay, g.error, g.counts
        FROM ninai_journal_deliveries AS d JOIN given AS g ON g.provider = d.provider AND g.seq = d.seq
        WHERE g.verdict IN ('done', 'held') OR NOT d.dead
        ORDER BY d.provider, d.seq FOR UPDATE OF d
    ), gone AS (
        DELETE FROM ninai_journal_deliveries AS d USING locked AS l
        WHERE l.verdict = 'done' AND d.provider = l.provider AND d.seq = l.seq
    ), kept AS (
        UPDATE ninai_journal_deliveries AS d SET
            due_at = clock_timestamp() + make_interval(secs => l.delay), dead = l.verdict = 'dead',
            since = CASE l.verdict WHEN 'held' THEN clock_timestamp() + make_interval(secs => l.delay) ELSE d.since END,
            failures = d.failures + l.counts, failed_at = clock_timestamp(), error = l.error
        FROM locked AS l WHERE l.verdict <> 'done' AND d.provider = l.provider AND d.seq = l.seq
    )
    SELECT l.provider, l.seq FROM locked AS l
    WHERE NOT EXISTS (SELECT 1 FROM ninai_journal_superseded AS s WHERE s.seq = l.seq)
""")  # noqa: S608 - joined from constants

# Moves the ends of leases. Deliveries that have replaced a leased one are due at the same moment, unless they have been
# leased since, and are treated as the leased one; so all of them are moved to the same moment.
MOVE = text(f"""
    WITH {_QUICK}, present AS MATERIALIZED (SELECT clock_timestamp() AS moment), waiting AS MATERIALIZED (
        SELECT d.provider, d.seq, g.delay, g.place FROM quick, unnest(
            CAST(:providers AS text[]), CAST(:users AS text[]), CAST(:memories AS text[]), CAST(:untils AS float8[]),
            CAST(:delays AS float8[])
        ) WITH ORDINALITY AS g (provider, user_id, memory_id, until, delay, place)
        CROSS JOIN LATERAL (
            SELECT seq FROM ninai_journal_entries WHERE user_id = g.user_id AND memory_id = g.memory_id
            UNION ALL
            SELECT seq FROM ninai_journal_superseded WHERE user_id = g.user_id AND memory_id = g.memory_id
            OFFSET 0
        ) AS e JOIN ninai_journal_deliveries AS d ON d.provider = g.provider AND d.seq = e.seq
        WHERE CAST(extract(epoch FROM d.due_at) AS float8) = g.until AND NOT d.dead
        ORDER BY d.provider, d.seq FOR UPDATE OF d
    )
    UPDATE ninai_journal_deliveries AS d SET due_at = present.moment + make_interval(secs => w.delay)
    FROM waiting AS w, present WHERE d.provider = w.provider AND d.seq = w.seq
    RETURNING w.place, CAST(extract(epoch FROM d.due_at) AS float8) AS until
""")  # noqa: S608 - joined from constants

# What is in the table has been retained for so long, whatever the server's clock was set to: see `clock.py`.
WATCHED = """EXISTS (
        SELECT 1 FROM ninai_journal AS j
        WHERE j.watched_since <= clock_timestamp() - make_interval(secs => CAST(:seconds AS float8))
    )"""

PRUNABLE = text(f"""
    SELECT e.seq, e.appended_at, {_CONFIRMED} AS confirmed FROM (
        SELECT seq, user_id, appended_at FROM ninai_journal_entries
        WHERE kind <> 'delete' AND (appended_at, seq) > (CAST(:reached AS timestamptz), CAST(:seq AS bigint))
            AND appended_at <= clock_timestamp() - make_interval(secs => CAST(:seconds AS float8)) AND {WATCHED}
        ORDER BY appended_at, seq LIMIT CAST(:limit AS int)
    ) AS e ORDER BY e.appended_at, e.seq
""")  # noqa: S608 - joined from constants

DROP = text(f"""
    WITH {_QUICK}, gone AS (
        DELETE FROM ninai_journal_entries AS e USING quick
        WHERE e.seq = ANY (CAST(:seqs AS bigint[])) AND (e.kind = 'delete') = :deleted AND (e.trace OR NOT :traces)
            AND {_CONFIRMED}
        RETURNING e.seq, e.user_id, e.memory_id
    ), noted AS (
        UPDATE ninai_journal SET last_dropped = greatest(last_dropped, (SELECT max(seq) FROM gone))
    ), edits AS (
        DELETE FROM ninai_journal_older_edits AS x USING gone
        WHERE x.user_id = gone.user_id AND x.memory_id = gone.memory_id
    )
    SELECT count(*) FROM gone
""")  # noqa: S608 - joined from constants

# Rows that an append is about to change are left to the next call, so that no deadlock occurs.
DROP_OLDER_EDITS = text(f"""
    WITH {_QUICK}, old AS MATERIALIZED (
        SELECT x.user_id, x.memory_id, x.key FROM quick, ninai_journal_older_edits AS x
        WHERE x.noted_at <= clock_timestamp() - make_interval(secs => CAST(:seconds AS float8)) AND {WATCHED}
        ORDER BY x.noted_at LIMIT CAST(:limit AS int) FOR UPDATE OF x SKIP LOCKED
    )
    DELETE FROM ninai_journal_older_edits AS x USING old
    WHERE x.user_id = old.user_id AND x.memory_id = old.memory_id AND x.key = old.key
""")  # noqa: S608 - joined from constants

TOMBSTONES = text(f"""
    SELECT e.seq, e.kind, e.state, CAST('{{}}' AS text[]) AS pending FROM ninai_journal_entries AS e
    WHERE e.seq > :after AND e.kind = 'delete' AND {_CONFIRMED} AND {WATCHED}
        AND e.appended_at <= clock_timestamp() - make_interval(secs => CAST(:seconds AS float8))
    ORDER BY e.seq LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

# A trace that is repeated at the same moment has another number afterwards, and is found again by a later call.
REDELIVER = text("""
    WITH tombstone AS (
        UPDATE ninai_journal_entries SET trace = false WHERE seq = :seq AND kind = 'delete' RETURNING seq, user_id
    )
    INSERT INTO ninai_journal_deliveries (provider, seq, user_id, since, due_at)
    SELECT m.name, g.seq, g.user_id, clock_timestamp(), clock_timestamp()
    FROM tombstone AS g, ninai_journal_members AS m WHERE m.name = :provider
    ON CONFLICT (provider, seq) DO NOTHING
""")

STATUS = text("""
    SELECT count(*) AS operations, count(*) FILTER (WHERE kind = 'delete') AS tombstones,
        greatest(max(seq), (SELECT last_dropped FROM ninai_journal)) AS last_seq
    FROM ninai_journal_entries
""")

LAST_SEQ = text("""
    SELECT greatest((SELECT max(seq) FROM ninai_journal_entries), (SELECT last_dropped FROM ninai_journal))
""")

MOMENT = text("SELECT extract(epoch FROM clock_timestamp())")

_NEWEST_VERSION = """
    SELECT coalesce(max(version), 0) FROM (
        SELECT version FROM ninai_journal_entries {chosen}
        UNION ALL SELECT version FROM ninai_journal_superseded {chosen}
    ) AS v
"""
NEWEST_VERSION = text(_NEWEST_VERSION.format(chosen=""))
NEWEST_VERSION_OF_OWNER = text(_NEWEST_VERSION.format(chosen="WHERE user_id = :user_id"))

BACKLOGS = text(f"""
    SELECT m.name, count(d.seq) FILTER (WHERE NOT d.dead) AS pending,
        count(d.seq) FILTER (WHERE d.dead AND d.failures <> {DISCARDED}) AS dead,
        greatest(CAST(extract(
            epoch FROM clock_timestamp() - min(d.since) FILTER (WHERE NOT d.dead)
        ) AS float8), 0) AS oldest_seconds,
        count(d.seq) FILTER (WHERE d.dead AND d.failures = {DISCARDED}) AS discarded
    FROM ninai_journal_members AS m LEFT JOIN ninai_journal_deliveries AS d ON d.provider = m.name
    GROUP BY m.name, m.place ORDER BY m.place
""")  # noqa: S608 - joined from constants

_DELIVERY = (
    "d.seq, d.provider, e.kind, e.user_id, e.memory_id, d.error, d.failures,"
    " CAST(extract(epoch FROM e.appended_at) AS float8)"
)

# The oldest ones of each member, which its key lists in order; of those the oldest of all.
PENDING = text(f"""
    SELECT {_DELIVERY}, CAST(extract(epoch FROM d.due_at) AS float8)
    FROM ninai_journal_deliveries AS d CROSS JOIN {_DELIVERED.format("d")}
    WHERE NOT d.dead AND d.provider = coalesce(CAST(:provider AS text), d.provider) AND d.seq IN (
        SELECT DISTINCT oldest.seq FROM ninai_journal_members AS m CROSS JOIN LATERAL (
            SELECT seq FROM ninai_journal_deliveries
            WHERE provider = m.name AND NOT dead AND seq > CAST(:after AS bigint)
            ORDER BY seq LIMIT CAST(:limit AS int)
        ) AS oldest
        WHERE m.name = coalesce(CAST(:provider AS text), m.name) ORDER BY oldest.seq LIMIT CAST(:limit AS int)
    ) ORDER BY d.seq, d.provider
""")  # noqa: S608 - joined from constants

DEAD = text(f"""
    SELECT {_DELIVERY}, coalesce(CAST(extract(epoch FROM d.failed_at) AS float8), 0)
    FROM ninai_journal_deliveries AS d CROSS JOIN {_DELIVERED.format("d")}
    WHERE d.dead AND d.seq IN (
        SELECT DISTINCT seq FROM ninai_journal_deliveries
        WHERE dead AND seq > :after ORDER BY seq LIMIT CAST(:limit AS int)
    ) ORDER BY d.seq, d.provider
""")  # noqa: S608 - joined from constants

RETRY = text("""
    UPDATE ninai_journal_deliveries
    SET dead = false, due_at = clock_timestamp(), failures = 0, failed_at = NULL, error = ''
    WHERE provider = :provider AND seq = :seq AND dead
""")

DISCARD = text(f"""
    UPDATE ninai_journal_deliveries SET failures = {DISCARDED}
    WHERE provider = :provider AND seq = :seq AND dead AND failures <> {DISCARDED}
""")  # noqa: S608 - joined from constants
