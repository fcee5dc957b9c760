"""The function in the database that appends, and returns the ends of the caller's leases.

It stands beside the other functions and does not replace them, because earlier versions call those during a rolling
update, each by the name that it knows, and understand no other outcomes than they know.
"""

CREATE_APPEND_FENCED = """
    CREATE OR REPLACE FUNCTION ninai_journal_append_fenced(
        kinds text[], users text[], memories text[], versions bigint[], bases bigint[], digests bytea[], states text[],
        helds text[], seconds float8[], edits text[], olders text[]
    ) RETURNS TABLE (
        place bigint, outcome text, known_seq bigint, known_kind text, known_state text, pending text[], former text,
        until float8
    ) LANGUAGE plpgsql AS $append$
    #variable_conflict use_variable
    DECLARE
        answer record;
    BEGIN
        -- The whole call is appended before the first iteration, and the statement in an iteration sees the result.
        FOR answer IN SELECT * FROM ninai_journal_append_keyed(
            kinds, users, memories, versions, bases, digests, states, helds, seconds, edits, olders
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
    $append$
"""

# For programs that know no erasures: what was erased is a memory that was deleted, and what was left because of it is
# appended after all. No fence comes in between, since both calls are in one transaction, which holds the lock.
CREATE_APPEND_LEASED = """
    CREATE OR REPLACE FUNCTION ninai_journal_append_leased(
        kinds text[], users text[], memories text[], versions bigint[], bases bigint[], digests bytea[], states text[],
        helds text[], seconds float8[], edits text[], olders text[]
    ) RETURNS TABLE (
        place bigint, outcome text, known_seq bigint, known_kind text, known_state text, pending text[], former text,
        until float8
    ) LANGUAGE plpgsql AS $append$
    #variable_conflict use_variable
    DECLARE
        answer record;
        rest bigint[] := '{}';
    BEGIN
        FOR answer IN SELECT * FROM ninai_journal_append_fenced(
            kinds, users, memories, versions, bases, digests, states, helds, seconds, edits, olders
        ) AS a ORDER BY a.place LOOP
            IF answer.outcome = 'left' THEN
                rest := rest || answer.place;
                CONTINUE;
            END IF;
            place := answer.place;
            outcome := answer.outcome;
            known_seq := answer.known_seq;
            known_kind := answer.known_kind;
            known_state := answer.known_state;
            pending := answer.pending;
            former := answer.former;
            until := answer.until;
            IF outcome = 'owner_erased' THEN
                outcome := 'deleted';
                known_seq := NULL;
            END IF;
            RETURN NEXT;
        END LOOP;
        IF rest <> '{}' THEN
            RETURN QUERY SELECT rest[a.place], a.outcome, a.known_seq, a.known_kind, a.known_state, a.pending, a.former,
                a.until
            FROM (
                SELECT array_agg(kinds[r.at] ORDER BY r.n) AS kinds, array_agg(users[r.at] ORDER BY r.n) AS users,
                    array_agg(memories[r.at] ORDER BY r.n) AS memories,
                    array_agg(versions[r.at] ORDER BY r.n) AS versions, array_agg(bases[r.at] ORDER BY r.n) AS bases,
                    array_agg(digests[r.at] ORDER BY r.n) AS digests,
                    array_agg(states[r.at] ORDER BY r.n) AS states, array_agg(helds[r.at] ORDER BY r.n) AS helds,
                    array_agg(seconds[r.at] ORDER BY r.n) AS seconds, array_agg(edits[r.at] ORDER BY r.n) AS edits,
                    array_agg(olders[r.at] ORDER BY r.n) AS olders
                FROM unnest(rest) WITH ORDINALITY AS r (at, n)
            ) AS o CROSS JOIN LATERAL ninai_journal_append_fenced(
                o.kinds, o.users, o.memories, o.versions, o.bases, o.digests, o.states, o.helds, o.seconds, o.edits,
                o.olders
            ) AS a;
        END IF;
    END
    $append$
"""

CREATE_FORMER_APPEND_LEASED = """
    CREATE OR REPLACE FUNCTION ninai_journal_append_lent(
        kinds text[], users text[], memories text[], versions bigint[], bases bigint[], digests bytea[], states text[],
        helds text[], seconds float8[]
    ) RETURNS TABLE (
        place bigint, outcome text, known_seq bigint, known_kind text, known_state text, pending text[], former text,
        until float8
    ) LANGUAGE sql AS $append$
        SELECT * FROM ninai_journal_append_leased(
            kinds, users, memories, versions, bases, digests, states, helds, seconds, NULL, NULL
        )
    $append$
"""
