"""The function in the database that appends, and returns the ends of the caller's leases.

It stands beside the other function and does not replace it, because earlier versions call that one during a rolling
update; `ninai_journal_append_lent` is the name under which one of them calls this.
"""

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
