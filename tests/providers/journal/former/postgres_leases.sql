-- The tables of the journal as they were before it counted the steps of its tables.
CREATE TABLE ninai_journal (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    version int NOT NULL,
    joined bigint NOT NULL DEFAULT 0,
    last_dropped bigint NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE SEQUENCE ninai_journal_seq;

CREATE TABLE ninai_journal_members (
    name text PRIMARY KEY,
    place bigint NOT NULL,
    identity text,
    state text NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    copied bigint NOT NULL DEFAULT 0,
    copied_users bigint NOT NULL DEFAULT 0,
    fill_after text
);

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
);

CREATE INDEX ninai_journal_tombstones ON ninai_journal_entries (user_id, seq) WHERE kind = 'delete';

CREATE INDEX ninai_journal_prunable ON ninai_journal_entries (appended_at, seq) WHERE kind <> 'delete';

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
) WITH (fillfactor = 80);

CREATE INDEX ninai_journal_pending ON ninai_journal_deliveries (user_id, seq) INCLUDE (provider);

CREATE INDEX ninai_journal_dead ON ninai_journal_deliveries (seq) WHERE dead;

CREATE TABLE ninai_journal_claims (task text PRIMARY KEY, holder text NOT NULL, ends_at timestamptz NOT NULL);

ALTER TABLE ninai_journal_entries ADD COLUMN trace boolean NOT NULL DEFAULT false;

CREATE INDEX ninai_journal_traces ON ninai_journal_entries (user_id, seq) WHERE trace;

CREATE OR REPLACE FUNCTION ninai_journal_append(
    kinds text[], users text[], memories text[], versions bigint[], bases bigint[], digests bytea[], states text[],
    helds text[], seconds float8[]
) RETURNS TABLE (
    place bigint, outcome text, known_seq bigint, known_kind text, known_state text, pending text[], former text
) LANGUAGE plpgsql AS $append$
#variable_conflict use_variable
DECLARE
    everyone text[];
    numbers bigint[];
    inserted bigint[];
    operation record;
    known ninai_journal_entries;
    last_user text;
    last_memory text;
    fresh boolean;
    tracing_users text[] := '{}';
    old_seqs bigint[] := '{}';
    new_seqs bigint[] := '{}';
    new_users text[] := '{}';
    new_helds text[] := '{}';
    new_seconds float8[] := '{}';
    old_providers text[];
    old_places bigint[];
    old_dues timestamptz[];
    n int := 0;
BEGIN
    -- An acknowledged operation must be on the disk, whatever the server's default.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM pg_advisory_xact_lock_shared(121399102499330);
    everyone := ARRAY(SELECT m.name FROM ninai_journal_members AS m ORDER BY m.place);

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
            CASE o.kind WHEN 'trace' THEN 'delete' ELSE o.kind END AS kind, o.kind = 'trace' AS trace,
            i.seq IS NOT NULL AS is_new
        FROM unnest(users, memories, numbers, kinds, versions, bases, digests, states, helds, seconds)
        WITH ORDINALITY
        AS o (user_id, memory_id, seq, kind, version, base, digest, state, held, seconds, place)
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

        IF known.seq IS NULL THEN
            outcome := 'appended';
        ELSIF known.kind = 'delete' THEN
            outcome := CASE operation.kind WHEN 'delete' THEN 'repeated' ELSE 'deleted' END;
        ELSIF operation.kind = 'remember' THEN
            outcome := CASE WHEN known.digest = operation.digest THEN 'repeated' ELSE 'conflict' END;
        ELSIF operation.kind = 'update' AND known.version > operation.base THEN
            outcome := 'out_of_date';
        ELSE
            outcome := 'appended';
            UPDATE ninai_journal_entries AS e SET
                seq = CASE WHEN operation.seq > e.seq THEN operation.seq ELSE nextval('ninai_journal_seq') END,
                kind = operation.kind, version = operation.version, digest = operation.digest,
                state = operation.state, appended_at = clock_timestamp(), trace = false
            WHERE e.user_id = operation.user_id AND e.memory_id = operation.memory_id
            RETURNING e.seq INTO known_seq;
        END IF;

        former := known.state;
        IF outcome = 'appended' THEN
            known_kind := operation.kind;
            known_state := operation.state;
            IF known.seq IS NULL AND operation.trace THEN
                pending := '{}';
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
        ELSIF outcome = 'repeated' THEN
            known_seq := known.seq;
            known_kind := known.kind;
            known_state := known.state;
            pending := CASE WHEN fresh THEN everyone ELSE ARRAY(
                SELECT d.provider FROM ninai_journal_deliveries AS d
                WHERE d.user_id = operation.user_id AND d.seq = known.seq
            ) END;
            IF known.trace AND pending = '{}' THEN
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
        WHERE d.provider = ANY (everyone) AND d.seq = ANY (old_seqs)
        ORDER BY d.provider, d.seq FOR UPDATE
    ) AS l;
    IF old_providers IS NOT NULL THEN
        DELETE FROM ninai_journal_deliveries AS d
        USING unnest(old_providers, old_places) AS o (provider, seq)
        WHERE d.provider = o.provider AND d.seq = o.seq;
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
                ORDER BY t.seq DESC OFFSET 1000
            ) AND NOT EXISTS (
                SELECT 1 FROM ninai_journal_deliveries AS d WHERE d.user_id = o.user_id AND d.seq = o.seq
            ) FOR UPDATE SKIP LOCKED
        );
    END LOOP;
END
$append$;

CREATE FUNCTION ninai_journal_append_lent(
    kinds text[], users text[], memories text[], versions bigint[], bases bigint[], digests bytea[], states text[],
    helds text[], seconds float8[]
) RETURNS TABLE (
    place bigint, outcome text, known_seq bigint, known_kind text, known_state text, pending text[], former text,
    until float8
) LANGUAGE plpgsql AS $append$
#variable_conflict use_variable
DECLARE
    answer record;
BEGIN
    -- The whole call is appended before the first iteration, and the statement in an iteration sees the result.
    FOR answer IN SELECT * FROM ninai_journal_append(
        kinds, users, memories, versions, bases, digests, states, helds, seconds
    ) LOOP
        place := answer.place;
        outcome := answer.outcome;
        known_seq := answer.known_seq;
        known_kind := answer.known_kind;
        known_state := answer.known_state;
        pending := answer.pending;
        former := answer.former;
        until := NULL;
        IF outcome = 'appended' AND helds[place] IS NOT NULL THEN
            SELECT CAST(extract(epoch FROM d.due_at) AS float8) INTO until FROM ninai_journal_deliveries AS d
            WHERE d.provider = helds[place] AND d.seq = known_seq;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$append$;

INSERT INTO ninai_journal (version) VALUES (1);
