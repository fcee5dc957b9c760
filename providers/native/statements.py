"""The statements of the native provider, except those of the search and of a replica."""

from sqlalchemy import text

from providers.native.above_fence import ABOVE_FENCE
from providers.native.columns import EDITED, FIRST, LIVE, RECORD, STATE, assignments, edited, insertion, names
from providers.native.keeping import KEEPING
from providers.native.wall import ALL, NAMED
from providers.states.editing import EDIT_KEY_CHARS

UNLESS_THERE = "DO NOTHING RETURNING user_id, id"

PUT = text(f"{insertion(FIRST)} {UNLESS_THERE}")

# Memories that are given name their users by themselves: so one partition is read for each user, and not all.
GIVEN = """
    user_id = ANY (CAST(:user_ids AS text[])) AND id = ANY (CAST(:ids AS uuid[])) AND (user_id, id) IN (
        SELECT user_id, id FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])) AS sought (user_id, id)
    )
"""

# The same of those that an UPDATE joins with.
UPDATED = "m.user_id = ANY (CAST(:user_ids AS text[])) AND m.id = ANY (CAST(:ids AS uuid[]))"

STORED = text(f"""
    SELECT user_id, id, deleted_at IS NOT NULL AS deleted, digest, version, {EDITED} AS edited
    FROM ninai_memories
    WHERE {NAMED} AND {GIVEN}
""")  # noqa: S608 - joined from constants

GET = text(f"""
    SELECT {names(RECORD)} FROM ninai_memories
    WHERE {NAMED} AND user_id = :user_id AND id = CAST(:id AS uuid) AND deleted_at IS NULL
""")  # noqa: S608 - joined from constants

# A given version applies only if it is newer; a minted one is made newer, whatever the clocks of other processes say.
UPDATE = text(f"""
    UPDATE ninai_memories SET
        version = CASE WHEN :minted THEN greatest(CAST(:version AS bigint), version + 1) ELSE :version END,
        {edited()},
        edits = CASE WHEN CAST(:edit_id AS uuid) IS NULL THEN edits
            ELSE (array_append(edits, :edit_id))[greatest(1, cardinality(edits) - :kept_edits + 2):] END
    WHERE {NAMED} AND {KEEPING} AND user_id = :user_id AND id = CAST(:id AS uuid) AND deleted_at IS NULL
        AND {ABOVE_FENCE} AND (expires_at IS NULL OR expires_at > CAST(:now AS timestamptz))
        AND (:minted OR version < :version)
        AND (CAST(:seen AS bigint) IS NULL OR version = :seen)
        AND (CAST(:edit_id AS uuid) IS NULL OR NOT EXISTS (
            SELECT FROM unnest(edits) AS applied (id)
            WHERE left(CAST(applied.id AS text), {EDIT_KEY_CHARS})
                = left(CAST(CAST(:edit_id AS uuid) AS text), {EDIT_KEY_CHARS})
        ))
    RETURNING {names(RECORD)}
""")  # noqa: S608 - joined from constants

# What an update meets that has changed nothing.
MET = text(f"""
    SELECT {names(STATE)} FROM ninai_memories
    WHERE {NAMED} AND user_id = :user_id AND id = CAST(:id AS uuid) AND {ABOVE_FENCE}
""")  # noqa: S608 - joined from constants

# Where there is no memory, no row is made: a client can invent ids without end.
DELETE = text(f"""
    UPDATE ninai_memories SET
        version = greatest(CAST(:version AS bigint), version + 1), deleted_at = CAST(:now AS timestamptz),
        edits = array_remove(ARRAY[CAST(:edit_id AS uuid)], NULL),
        {assignments(LIVE, "NULL")}
    WHERE {NAMED} AND user_id = :user_id AND id = CAST(:id AS uuid) AND deleted_at IS NULL AND {ABOVE_FENCE}
        AND (CAST(:seen AS bigint) IS NULL OR version = :seen)
        AND (CAST(:expired_by AS timestamptz) IS NULL OR expires_at <= CAST(:expired_by AS timestamptz))
    RETURNING version
""")  # noqa: S608 - joined from constants

# Of a put, a touch counts as well where no expiry slides: another version may come that has one.
TOUCH = text(f"""
    UPDATE ninai_memories AS m
    SET unknown = ninai_touched_fields(m.unknown, m.expires_at, m.sliding_seconds, new.moment)
    FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:moments AS timestamptz[]))
        AS new (user_id, id, moment)
    WHERE {NAMED} AND {UPDATED} AND m.user_id = new.user_id AND m.id = new.id AND m.deleted_at IS NULL
        AND (:put OR m.sliding_seconds IS NOT NULL) AND (m.touched_at IS NULL OR m.touched_at < new.moment)
""")  # noqa: S608 - joined from constants

# A tombstone without a creation time was put for a chain, and there was no memory to delete.
DELETED_BY = text(f"""
    SELECT created_at IS NOT NULL AND CAST(:edit_id AS uuid) = ANY (edits)
    FROM ninai_memories
    WHERE {NAMED} AND user_id = :user_id AND id = CAST(:id AS uuid) AND deleted_at IS NOT NULL
""")  # noqa: S608 - joined from constants

# The same of an edit whose memory is not known, among the owner's last changes, of which there is an index.
RECENTLY_DELETED_BY = text(f"""
    SELECT id FROM (
        SELECT id, created_at, deleted_at, edits FROM ninai_memories
        WHERE {NAMED} AND user_id = :user_id ORDER BY changed DESC LIMIT CAST(:recent AS int)
    ) AS recent
    WHERE deleted_at IS NOT NULL AND created_at IS NOT NULL AND CAST(:edit_id AS uuid) = ANY (edits) LIMIT 1
""")  # noqa: S608 - joined from constants

# Index scans on the model alone, since "is distinct from" cannot use one; NULL is the commonest reason to wait. Another
# model is a reason only for a process that is to embed `again`. A memory that the model has refused does not wait.
_WAITING = (
    "deleted_at IS NULL AND embedding_model IS NULL",
    "deleted_at IS NULL AND embedding_model < :model AND :again",
    "deleted_at IS NULL AND embedding_model > :model AND :again",
)
_NOT_REFUSED = " AND (refused_model IS DISTINCT FROM :model OR refused_version IS DISTINCT FROM version)"
_NOT_SKIPPED = """
    AND (user_id, id, version) NOT IN (SELECT * FROM unnest(
        CAST(:skipped_users AS text[]), CAST(:skipped_ids AS uuid[]), CAST(:skipped_versions AS bigint[])
    ))
"""
_LIMIT = "LIMIT CAST(:limit AS int)"
_SELECT_WAITING = f"SELECT user_id, id, version, content FROM ninai_memories WHERE {ALL} AND"  # noqa: S608 - joined from constants
_COUNT_WAITING = f"SELECT count(*) AS branch FROM ninai_memories WHERE {ALL} AND"  # noqa: S608 - as above

# Each branch has the limit of all: where there are several nodes, none of them sends more than that.
WAITING = text(
    " UNION ALL ".join(f"({_SELECT_WAITING} {branch}{_NOT_REFUSED}{_NOT_SKIPPED} {_LIMIT})" for branch in _WAITING)
    + f" {_LIMIT}"
)

_COUNTS = " UNION ALL ".join(f"{_COUNT_WAITING} {branch}{_NOT_REFUSED}" for branch in _WAITING)
COUNT_WAITING = text(f"SELECT CAST(sum(branch) AS bigint) AS waiting FROM ({_COUNTS}) AS counted")  # noqa: S608 - as above

# Only if the memory is still the one whose text was refused, and no other process has stored that meanwhile.
SET_REFUSED = text(f"""
    UPDATE ninai_memories AS m SET refused_model = :model, refused_version = m.version
    FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:versions AS bigint[]))
        AS refused (user_id, id, version)
    WHERE {ALL} AND {UPDATED} AND m.user_id = refused.user_id AND m.id = refused.id AND m.version = refused.version
        AND m.deleted_at IS NULL
        AND (m.refused_model IS DISTINCT FROM :model OR m.refused_version IS DISTINCT FROM m.version)
""")  # noqa: S608 - joined from constants

# What is local, wherever memories lie: it tells that the database answers, and has the schema.
PRESENT = text("SELECT count(*) AS stores FROM ninai_store")

TARGET_MODEL = text("SELECT embedding_model FROM ninai_store")

SET_TARGET_MODEL = text("UPDATE ninai_store SET embedding_model = :model")

# What an exchange of the embedder keeps of the vector that is replaced: that of a model which still answers questions.
_KEPT = "m.embedding_model = ANY (CAST(:former AS text[]))"
_KEEP = f"""
    former_embedding = CASE WHEN {_KEPT} THEN m.embedding ELSE m.former_embedding END,
    former_model = CASE WHEN {_KEPT} THEN m.embedding_model ELSE m.former_model END
"""

# Only if the memory is still the one that was embedded.
SET_EMBEDDINGS = text(f"""
    UPDATE ninai_memories AS m SET embedding = new.embedding, embedding_model = :model, {_KEEP}
    FROM unnest(
        CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(:embeddings AS halfvec[])
    ) AS new (user_id, id, version, embedding)
    WHERE {ALL} AND {UPDATED} AND m.user_id = new.user_id AND m.id = new.id AND m.version = new.version
        AND m.deleted_at IS NULL
""")  # noqa: S608 - joined from constants

EMBEDDED = text(f"""
    SELECT count(*) AS embedded FROM ninai_memories WHERE {ALL} AND deleted_at IS NULL AND embedding_model = :model
""")  # noqa: S608 - joined from constants

# Memories with a second vector; of the current model, where the embedder before is the current one again.
WITH_FORMER = text(f"""
    SELECT user_id, id FROM ninai_memories
    WHERE {ALL} AND former_model IS NOT NULL AND (CAST(:model AS text) IS NULL OR former_model = :model)
    LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

# The second vector takes the place of the first, which is kept only where its model still answers questions.
TAKE_BACK = text(f"""
    UPDATE ninai_memories AS m SET embedding = former_embedding, embedding_model = former_model,
        former_embedding = CASE WHEN {_KEPT} THEN m.embedding END,
        former_model = CASE WHEN {_KEPT} THEN m.embedding_model END
    WHERE {ALL} AND {UPDATED} AND m.former_model = :model
""")  # noqa: S608 - joined from constants

DROP_FORMER = text(f"""
    UPDATE ninai_memories AS m SET former_embedding = NULL, former_model = NULL
    WHERE {ALL} AND {UPDATED} AND m.former_model IS NOT NULL
""")  # noqa: S608 - joined from constants

# Exact up to a bound, beyond it the planner's estimate: counting millions of rows would not be a health check.
COUNT_UP_TO = text(f"""
    SELECT count(*) AS total FROM (
        SELECT 1 FROM ninai_memories WHERE {ALL} AND deleted_at IS NULL LIMIT CAST(:bound AS int)
    ) AS counted
""")  # noqa: S608 - joined from constants

ESTIMATE = text("""
    SELECT CAST(coalesce(sum(greatest(reltuples, 0)), 0) AS bigint) AS total FROM pg_class
    WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = CAST('ninai_memories' AS regclass))
""")
