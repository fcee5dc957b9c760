"""The statements by which a replica is filled and read out: whole states, tombstones included."""

from sqlalchemy import text

_STATE = "user_id, id, version, content, metadata, created_at, updated_at, digest, edits"

# Whether the new row's version counts: the SQL of `providers/states/merging.py`, where the reasons stand.
_NEW_WINS = """(CASE
    WHEN stored.deleted_at IS NULL AND excluded.deleted_at IS NULL
        THEN (excluded.version, excluded.edits, excluded.digest) > (stored.version, stored.edits, stored.digest)
    WHEN stored.deleted_at IS NULL THEN true
    WHEN excluded.deleted_at IS NULL THEN false
    ELSE (excluded.version, excluded.edits) < (stored.version, stored.edits)
END)"""


def _kept_by_the_living(*columns: str) -> str:
    return ", ".join(f"{column} = CASE WHEN stored.deleted_at IS NULL THEN excluded.{column} END" for column in columns)


# Rows in one order, as in `statements.PUT`. Edits come as array literals, since unnest makes arrays of arrays flat.
PUT_STATES = text(f"""
    INSERT INTO ninai_memories AS stored (
        user_id, id, version, content, metadata, created_at, updated_at, deleted_at, digest, edits,
        embedding_model, embedding, terms
    )
    SELECT user_id, id, version, content, metadata, created_at, updated_at, deleted_at, digest, CAST(edits AS uuid[]),
        embedding_model, embedding, ninai_terms(content)
    FROM unnest(
        CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:contents AS text[]),
        CAST(:metadatas AS jsonb[]), CAST(:created_ats AS timestamptz[]), CAST(:updated_ats AS timestamptz[]),
        CAST(:deleted_ats AS timestamptz[]), CAST(:digests AS bytea[]), CAST(:edits AS text[]),
        CAST(:models AS text[]), CAST(:embeddings AS halfvec[])
    ) AS new (
        user_id, id, version, content, metadata, created_at, updated_at, deleted_at, digest, edits,
        embedding_model, embedding
    )
    ORDER BY user_id, id
    ON CONFLICT (user_id, id) DO UPDATE SET
        version = CASE WHEN {_NEW_WINS} THEN excluded.version ELSE stored.version END,
        edits = CASE WHEN {_NEW_WINS} THEN excluded.edits ELSE stored.edits END,
        deleted_at = CASE WHEN {_NEW_WINS} THEN excluded.deleted_at ELSE stored.deleted_at END,
        created_at = CASE WHEN {_NEW_WINS} THEN coalesce(excluded.created_at, stored.created_at)
            ELSE coalesce(stored.created_at, excluded.created_at) END,
        {_kept_by_the_living("content", "metadata", "updated_at", "digest", "embedding_model", "embedding", "terms")},
        refused_model = NULL  -- the version may be the same, the text another
    WHERE {_NEW_WINS} OR stored.created_at IS NULL AND excluded.created_at IS NOT NULL
    RETURNING user_id, id, deleted_at IS NOT NULL AS deleted
""")  # noqa: S608 - joined from constants

# States without what is long; the content of what is not deleted is empty.
HEADS = text("""
    SELECT user_id, id, version, CASE WHEN deleted_at IS NULL THEN '' END AS content, NULL AS metadata,
        created_at, updated_at, digest, edits
    FROM ninai_memories
    WHERE (user_id, id) IN (
        SELECT user_id, id FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])) AS sought (user_id, id)
    )
""")

STATE = text(f"""
    SELECT {_STATE} FROM ninai_memories WHERE user_id = :user_id AND id = CAST(:id AS uuid)
""")  # noqa: S608 - joined from constants

STATES = text(f"""
    SELECT {_STATE} FROM ninai_memories WHERE user_id = :user_id ORDER BY id LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

STATES_AFTER = text(f"""
    SELECT {_STATE} FROM ninai_memories
    WHERE user_id = :user_id AND id > CAST(:after AS uuid)
    ORDER BY id LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

# A loose index scan: from each user straight to the next one, however many memories lie between.
USERS = text("""
    WITH RECURSIVE named (user_id, place) AS (
        SELECT CAST(:after AS text) COLLATE "C", 0
        UNION ALL
        SELECT (SELECT m.user_id FROM ninai_memories AS m WHERE m.user_id > named.user_id ORDER BY m.user_id LIMIT 1),
            place + 1
        FROM named WHERE named.user_id IS NOT NULL AND place < CAST(:limit AS int)
    )
    SELECT user_id FROM named WHERE place > 0 AND user_id IS NOT NULL ORDER BY place
""")

IDENTITY = text("SELECT id FROM ninai_store")
