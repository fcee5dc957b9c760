"""The function in the database that appends: one round trip, one transaction.

All transactions lock in one order, so that no deadlock occurs: the list of members, entries by (user_id, memory_id),
deliveries by (provider, seq). Each statement in the function sees what was committed before it, so only what is read
after a lock counts. Numbers are drawn beforehand, in the order of the call; a call that waited for a memory's lock
while another one got a higher number draws again, so that the numbers of a memory grow in the order of commits.
Memories of which nothing is known, by far the most, are inserted together; the others are examined one by one. No entry
is dropped meanwhile except traces, which are displaced by other traces of their user; a call that would have to wait
for one of those leaves it to the next call. If a member keeps history, what is replaced becomes a superseded version,
which is written and erased under the lock of its entry.
"""

from providers.journal.base import MAX_TRACES
from providers.journal.postgres.erasure_tables import HASH
from providers.journal.postgres.tables import LOCK
from providers.retention import UNDATED_VERSION
from providers.states.editing import EDIT_KEY_CHARS

_HASH = HASH.format(key="k.key", owner="u.user_id")

CREATE_APPEND = f"""
    CREATE OR REPLACE FUNCTION ninai_journal_append_keyed(
        kinds text[], users text[], memories text[], versions bigint[], bases bigint[], digests bytea[], states text[],
        helds text[], seconds float8[], edits text[], olders text[]
    ) RETURNS TABLE (
        place bigint, outcome text, known_seq bigint, known_kind text, known_state text, pending text[], former text
    ) LANGUAGE plpgsql AS $append$
    #variable_conflict use_variable
    DECLARE
        everyone text[];
        keepers text[];
        numbers bigint[];
        inserted bigint[];
        operation record;
        known ninai_journal_entries;
        last_user text;
        last_memory text;
        fresh boolean;
        repeats boolean;
        tracing_users text[] := '{{}}';
        moved bigint[] := '{{}}';
        kept_seqs bigint[] := '{{}}';
        kept_users text[] := '{{}}';
        erased bigint[] := '{{}}';
        old_seqs bigint[] := '{{}}';
        new_seqs bigint[] := '{{}}';
        new_users text[] := '{{}}';
        new_helds text[] := '{{}}';
        new_seconds float8[] := '{{}}';
        old_providers text[];
        old_places bigint[];
        old_dues timestamptz[];
        n int := 0;
    BEGIN
        -- An acknowledged operation must be on the disk, whatever the server's default.
        IF current_setting('synchronous_commit') = 'off' THEN
            PERFORM set_config('synchronous_commit', 'on', true);
        END IF;
        PERFORM pg_advisory_xact_lock_shared({LOCK});
        SELECT coalesce(array_agg(m.name ORDER BY m.place), '{{}}'),
            coalesce(array_agg(m.name) FILTER (WHERE m.keeps_history), '{{}}')
        INTO everyone, keepers FROM ninai_journal_members AS m;

        -- Nothing of a call is appended in which something was erased: the caller sends the rest again.
        IF EXISTS (SELECT FROM ninai_journal_fence_keys) THEN
            RETURN QUERY WITH fenced AS MATERIALIZED (
                SELECT u.user_id, max(f.version) AS version
                FROM (SELECT DISTINCT a.user_id FROM unnest(users) AS a (user_id)) AS u
                CROSS JOIN ninai_journal_fence_keys AS k
                JOIN ninai_journal_fences AS f ON f.key = k.key AND f.hash = {_HASH}
                GROUP BY u.user_id
            ), judged AS MATERIALIZED (
                SELECT o.place, x.version AS erased, coalesce(o.version <= x.version OR x.version >= CASE
                    WHEN o.kind = 'update' OR o.kind = 'delete' AND o.base > 0 THEN o.base
                END, false) AS refused
                FROM unnest(kinds, users, versions, bases) WITH ORDINALITY AS o (kind, user_id, version, base, place)
                LEFT JOIN fenced AS x ON x.user_id = o.user_id
            )
            SELECT j.place, CASE WHEN j.refused THEN 'owner_erased' ELSE 'left' END, j.erased, CAST(NULL AS text),
                CAST(NULL AS text), CAST(NULL AS text[]), CAST(NULL AS text)
            FROM judged AS j WHERE EXISTS (SELECT FROM judged AS o WHERE o.refused);
            IF FOUND THEN
                RETURN;
            END IF;
        END IF;

        numbers := ARRAY(SELECT nextval('ninai_journal_seq') FROM generate_series(1, cardinality(kinds)));

        WITH firsts AS (
            SELECT DISTINCT ON (o.user_id, o.memory_id) o.*
            FROM unnest(users, memories, numbers, kinds, versions, digests, states) WITH ORDINALITY
            AS o (user_id, memory_id, seq, kind, version, digest, state, place)
            ORDER BY o.user_id, o.memory_id, o.place
        ), new AS (
            INSERT INTO ninai_journal_entries AS e
                (user_id, memory_id, seq, kind, version, digest, state, appended_at, trace)
            SELECT f.user_id, f.memory_id, f.seq, CASE f.kind WHEN 'trace' THEN 'delete' ELSE f.kind END, f.version,
                f.digest, f.state, clock_timestamp(), f.kind = 'trace'
            FROM firsts AS f ORDER BY f.user_id, f.memory_id
            ON CONFLICT ON CONSTRAINT ninai_journal_entries_pkey DO NOTHING RETURNING e.seq
        )
        SELECT array_agg(new.seq) INTO inserted FROM new;

        FOR operation IN
            SELECT o.user_id, o.memory_id, o.seq, o.version, o.base, o.digest, o.state, o.held, o.seconds, o.place,
                o.edit, o.older, i.seq IS NOT NULL AS is_new,
                CASE o.kind WHEN 'trace' THEN 'delete' ELSE o.kind END AS kind, o.kind = 'trace' AS trace
            FROM unnest(
                users, memories, numbers, kinds, versions, bases, digests, states, helds, seconds, edits, olders
            ) WITH ORDINALITY
            AS o (user_id, memory_id, seq, kind, version, base, digest, state, held, seconds, edit, older, place)
            LEFT JOIN unnest(inserted) AS i (seq) ON i.seq = o.seq
            ORDER BY o.user_id, o.memory_id, o.place
        LOOP
            fresh := operation.user_id IS NOT DISTINCT FROM last_user
                AND operation.memory_id IS NOT DISTINCT FROM last_memory AND fresh;
            last_user := operation.user_id;
            last_memory := operation.memory_id;
            place := operation.place;
            known := NULL;
            known_seq := operation.seq;
            WHILE NOT operation.is_new LOOP
                SELECT * INTO known FROM ninai_journal_entries AS e
                WHERE e.user_id = operation.user_id AND e.memory_id = operation.memory_id FOR UPDATE;
                EXIT WHEN FOUND;
                -- It was a trace, and has been dropped meanwhile.
                known_seq := nextval('ninai_journal_seq');
                INSERT INTO ninai_journal_entries AS e
                    (user_id, memory_id, seq, kind, version, digest, state, appended_at, trace)
                VALUES (operation.user_id, operation.memory_id, known_seq, operation.kind, operation.version,
                    operation.digest, operation.state, clock_timestamp(), operation.trace)
                ON CONFLICT ON CONSTRAINT ninai_journal_entries_pkey DO NOTHING;
                EXIT WHEN FOUND;
            END LOOP;

            repeats := NULL;
            IF known.kind <> 'delete' AND operation.kind = 'update' AND operation.edit IS NOT NULL THEN
                SELECT x.digest = substr(operation.edit, {EDIT_KEY_CHARS + 1}) INTO repeats
                FROM ninai_journal_older_edits AS x
                WHERE x.user_id = operation.user_id AND x.memory_id = operation.memory_id
                    AND x.key = left(operation.edit, {EDIT_KEY_CHARS});
            END IF;

            IF known.seq IS NULL THEN
                outcome := 'appended';
            ELSIF known.kind = 'delete' THEN
                outcome := CASE operation.kind WHEN 'delete' THEN 'repeated' ELSE 'deleted' END;
            ELSIF operation.kind = 'remember' THEN
                outcome := CASE WHEN known.digest = operation.digest THEN 'repeated' ELSE 'conflict' END;
            ELSIF repeats IS NOT NULL THEN
                outcome := CASE WHEN repeats THEN 'repeated' ELSE 'conflict' END;
            ELSIF known.version > operation.base AND (operation.kind = 'update' OR operation.base > 0) THEN
                outcome := 'out_of_date';
            ELSE
                outcome := 'appended';
                -- What nobody could judge is no version of a memory that turned out to be another one: it was refused.
                IF keepers <> '{{}}' AND operation.kind <> 'delete' AND NOT (
                    known.kind = 'remember' AND known.version = {UNDATED_VERSION}
                    AND known.digest <> '' AND operation.digest <> '' AND known.digest <> operation.digest
                ) THEN
                    INSERT INTO ninai_journal_superseded
                        (user_id, memory_id, version, seq, kind, state, appended_at)
                    VALUES (known.user_id, known.memory_id, known.version, known.seq, known.kind, known.state,
                        known.appended_at)
                    ON CONFLICT ON CONSTRAINT ninai_journal_superseded_pkey DO NOTHING;
                    IF FOUND AND fresh THEN
                        kept_seqs := kept_seqs || known.seq;
                        kept_users := kept_users || known.user_id;
                    ELSIF FOUND THEN
                        moved := moved || known.seq;
                    END IF;
                END IF;
                UPDATE ninai_journal_entries AS e SET
                    seq = CASE WHEN operation.seq > e.seq THEN operation.seq ELSE nextval('ninai_journal_seq') END,
                    kind = operation.kind, version = operation.version, digest = operation.digest,
                    state = operation.state, appended_at = clock_timestamp(), trace = false,
                    changed = pg_current_xact_id()
                WHERE e.user_id = operation.user_id AND e.memory_id = operation.memory_id
                RETURNING e.seq INTO known_seq;
            END IF;

            former := known.state;
            IF outcome = 'appended' THEN
                known_kind := operation.kind;
                known_state := operation.state;
                IF known.seq IS NULL AND operation.trace THEN
                    pending := '{{}}';
                    tracing_users := tracing_users || operation.user_id;
                ELSE
                    pending := everyone;
                    IF NOT fresh THEN
                        n := n + 1;
                        old_seqs[n] := known.seq;
                        fresh := true;
                    END IF;
                    new_seqs[n] := known_seq;
                    new_users[n] := operation.user_id;
                    new_helds[n] := operation.held;
                    new_seconds[n] := operation.seconds;
                END IF;
                IF operation.kind = 'delete' THEN
                    DELETE FROM ninai_journal_older_edits AS x
                    WHERE x.user_id = operation.user_id AND x.memory_id = operation.memory_id;
                    WITH gone AS (
                        DELETE FROM ninai_journal_superseded AS x
                        WHERE x.user_id = operation.user_id AND x.memory_id = operation.memory_id RETURNING x.seq
                    )
                    SELECT erased || array_agg(gone.seq) INTO erased FROM gone;
                ELSIF operation.older IS NOT NULL THEN
                    INSERT INTO ninai_journal_older_edits AS x (user_id, memory_id, key, digest, noted_at)
                    SELECT DISTINCT ON (left(t.id, {EDIT_KEY_CHARS})) operation.user_id, operation.memory_id,
                        left(t.id, {EDIT_KEY_CHARS}), substr(t.id, {EDIT_KEY_CHARS + 1}), clock_timestamp()
                    FROM string_to_table(operation.older, ' ') AS t (id)
                    ON CONFLICT ON CONSTRAINT ninai_journal_older_edits_pkey
                    DO UPDATE SET digest = excluded.digest, noted_at = excluded.noted_at;
                END IF;
            ELSIF outcome = 'repeated' THEN
                known_seq := known.seq;
                known_kind := known.kind;
                known_state := known.state;
                pending := CASE WHEN fresh THEN everyone ELSE ARRAY(
                    SELECT d.provider FROM ninai_journal_deliveries AS d
                    WHERE d.user_id = operation.user_id AND d.seq = known.seq
                ) END;
                IF known.trace AND pending = '{{}}' THEN
                    UPDATE ninai_journal_entries AS e SET
                        seq = CASE WHEN operation.seq > e.seq THEN operation.seq ELSE nextval('ninai_journal_seq') END,
                        appended_at = clock_timestamp()
                    WHERE e.user_id = operation.user_id AND e.memory_id = operation.memory_id
                    RETURNING e.seq INTO known_seq;
                END IF;
            ELSE
                known_seq := NULL; known_kind := NULL; known_state := NULL; pending := NULL; former := NULL;
            END IF;
            RETURN NEXT;
        END LOOP;

        SELECT array_agg(l.provider), array_agg(l.seq), array_agg(CASE WHEN l.dead THEN NULL ELSE l.due_at END)
        INTO old_providers, old_places, old_dues
        FROM (
            SELECT d.provider, d.seq, d.due_at, d.dead FROM ninai_journal_deliveries AS d
            WHERE d.provider = ANY (everyone) AND d.seq = ANY (old_seqs || erased)
            ORDER BY d.provider, d.seq FOR UPDATE
        ) AS l;
        IF old_providers IS NOT NULL THEN
            DELETE FROM ninai_journal_deliveries AS d
            USING unnest(old_providers, old_places) AS o (provider, seq)
            WHERE d.provider = o.provider AND d.seq = o.seq
                AND (d.provider <> ALL (keepers) OR d.seq <> ALL (moved) OR d.seq = ANY (erased));
        END IF;
        -- What was appended and replaced by one call has had no delivery so far.
        IF kept_seqs <> '{{}}' THEN
            INSERT INTO ninai_journal_deliveries (provider, seq, user_id, since, due_at)
            SELECT m.name, k.seq, k.user_id, clock_timestamp(), clock_timestamp()
            FROM unnest(kept_seqs, kept_users) AS k (seq, user_id) CROSS JOIN unnest(keepers) AS m (name)
            WHERE k.seq <> ALL (erased);
        END IF;
        INSERT INTO ninai_journal_deliveries (provider, seq, user_id, since, due_at)
        SELECT m.name, f.seq, f.user_id, clock_timestamp(), CASE
            WHEN m.name = f.held THEN clock_timestamp() + make_interval(secs => f.seconds)
            ELSE greatest(clock_timestamp(), o.due_at) END
        FROM unnest(new_seqs, old_seqs, new_users, new_helds, new_seconds) AS f (seq, old_seq, user_id, held, seconds)
        CROSS JOIN unnest(everyone) AS m (name)
        LEFT JOIN unnest(old_providers, old_places, old_dues) AS o (provider, seq, due_at)
            ON o.provider = m.name AND o.seq = f.old_seq;

        FOR last_user IN SELECT DISTINCT u.user_id FROM unnest(tracing_users) AS u (user_id) LOOP
            DELETE FROM ninai_journal_entries AS e WHERE e.seq IN (
                SELECT o.seq FROM ninai_journal_entries AS o
                WHERE o.user_id = last_user AND o.trace AND o.seq IN (
                    SELECT t.seq FROM ninai_journal_entries AS t WHERE t.user_id = last_user AND t.trace
                    ORDER BY t.seq DESC OFFSET {MAX_TRACES}
                ) AND NOT EXISTS (
                    SELECT 1 FROM ninai_journal_deliveries AS d WHERE d.user_id = o.user_id AND d.seq = o.seq
                ) FOR UPDATE SKIP LOCKED
            );
        END LOOP;
    END
    $append$
"""  # noqa: S608 - joined from constants

# For programs that do not know `edits`, the id of each keyed edit, and `olders`, the ids that the new state of a memory
# does not keep any more, with blanks between; nor anything of erasures (see `append_leased_function.py`).
CREATE_FORMER_APPEND = """
    CREATE OR REPLACE FUNCTION ninai_journal_append(
        kinds text[], users text[], memories text[], versions bigint[], bases bigint[], digests bytea[], states text[],
        helds text[], seconds float8[]
    ) RETURNS TABLE (
        place bigint, outcome text, known_seq bigint, known_kind text, known_state text, pending text[], former text
    ) LANGUAGE sql AS $append$
        SELECT place, outcome, known_seq, known_kind, known_state, pending, former FROM ninai_journal_append_leased(
            kinds, users, memories, versions, bases, digests, states, helds, seconds, NULL, NULL
        )
    $append$
"""
