"""The function in the database that appends, and tells until when what the caller holds is lent.

Beside the other, and not in its place: the version before goes on calling that one while replicas are updated.
"""

CREATE_APPEND_LENT = """
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
        -- All is appended before the first turn, and what a statement looks for in a turn is what there is then.
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
    $append$
"""
