"""The statements that write and read a replica: whole states, tombstones included."""

from sqlalchemy import text

from providers.native.columns import EDITED, LIVE, STATE, WRITTEN, assignments, heads, insertion, names
from providers.native.keeping import KEEPING, YOUNG, of_memory
from providers.native.statements import GIVEN
from providers.native.wall import ALL, NAMED
from providers.summaries import DELETED, HEX_DIGITS, MODULUS

# Whether the new row's version counts: the SQL of `providers/states/merging.py`, where the reasons stand.
_NEW_WINS = f"""(CASE
    WHEN stored.deleted_at IS NULL AND excluded.deleted_at IS NULL
        THEN (excluded.{EDITED}, excluded.version, excluded.edits, excluded.digest)
            > (stored.{EDITED}, stored.version, stored.edits, stored.digest)
    WHEN stored.deleted_at IS NULL THEN true
    WHEN excluded.deleted_at IS NULL THEN false
    ELSE (excluded.version, excluded.edits) < (stored.version, stored.edits)
END)"""


_OF_THE_NEWER = f"CASE WHEN {_NEW_WINS} THEN excluded.{{name}} ELSE stored.{{name}} END"
_OF_THE_LIVING = "CASE WHEN stored.deleted_at IS NULL THEN excluded.{name} END"
# A touch counts whichever version wins, and may have come after the state was read that is put here.
_TOUCHED = """CASE WHEN stored.deleted_at IS NOT NULL OR excluded.deleted_at IS NOT NULL THEN NULL
    WHEN stored.touched_at IS NULL OR stored.touched_at <= excluded.touched_at THEN excluded.unknown
    ELSE ninai_touched_fields(excluded.unknown, excluded.expires_at, excluded.sliding_seconds, stored.touched_at) END"""
_DECIDED_BY_VERSION = [column for column in WRITTEN if column.name in {"version", "edits", "deleted_at"}]

MERGED = f"""
    DO UPDATE SET
        {assignments(_DECIDED_BY_VERSION, _OF_THE_NEWER)},
        created_at = CASE WHEN {_NEW_WINS} THEN coalesce(excluded.created_at, stored.created_at)
            ELSE coalesce(stored.created_at, excluded.created_at) END,
        {assignments([column for column in LIVE if column.name != "unknown"], _OF_THE_LIVING)},
        unknown = {_TOUCHED},
        refused_model = NULL  -- the version may be the same, the text another
    WHERE {_NEW_WINS} OR stored.created_at IS NULL AND excluded.created_at IS NOT NULL
    RETURNING user_id, id, deleted_at IS NOT NULL AS deleted
"""

PUT_STATES = text(f"{insertion(WRITTEN, f'{NAMED} AND {KEEPING}')} {MERGED}")

# States without long values; the content of a live memory is empty.
HEADS = text(f"""
    SELECT {heads(STATE)}
    FROM ninai_memories
    WHERE {NAMED} AND {GIVEN}
""")  # noqa: S608 - joined from constants

ONE_STATE = text(f"""
    SELECT {names(STATE)} FROM ninai_memories WHERE {NAMED} AND user_id = :user_id AND id = CAST(:id AS uuid)
""")  # noqa: S608 - joined from constants

STATES = text(f"""
    SELECT {names(STATE)} FROM ninai_memories
    WHERE {NAMED} AND user_id = :user_id ORDER BY id LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

STATES_AFTER = text(f"""
    SELECT {names(STATE)} FROM ninai_memories
    WHERE {NAMED} AND user_id = :user_id AND id > CAST(:after AS uuid)
    ORDER BY id LIMIT CAST(:limit AS int)
""")  # noqa: S608 - joined from constants

MOMENT = text("SELECT clock_timestamp() AS moment")

_EXPIRED = f"""
    SELECT {names(STATE)} FROM ninai_memories
    WHERE {ALL} AND deleted_at IS NULL AND expires_at <= CAST(:before AS timestamptz) {{behind}}
    ORDER BY expires_at, user_id, id LIMIT CAST(:limit AS int)
"""  # noqa: S608 - joined from constants
EXPIRED = text(_EXPIRED.format(behind=""))
_PLACE = "(CAST(:after AS timestamptz), CAST(:user_id AS text), CAST(:id AS uuid))"
EXPIRED_AFTER = text(_EXPIRED.format(behind=f"AND (expires_at, user_id, id) > {_PLACE}"))

# A loose index scan: from each user straight to the next one, however many memories lie between.
_FOUND = f"""
    WITH RECURSIVE named (user_id, place) AS (
        SELECT CAST(:after AS text) COLLATE "C", 0
        UNION ALL
        SELECT (
            SELECT m.user_id FROM ninai_memories AS m
            WHERE {ALL} AND m.user_id > named.user_id ORDER BY m.user_id LIMIT 1
        ), place + 1
        FROM named WHERE named.user_id IS NOT NULL AND place < CAST(:limit AS int)
    )
"""  # noqa: S608 - joined from constants

OWNERS = text(f"{_FOUND} SELECT user_id FROM named WHERE place > 0 AND user_id IS NOT NULL ORDER BY place")  # noqa: S608 - joined from constants

# What `providers/summaries.py` computes of a state: the first hex digits of a hash, as a number.
_NAME = f"CAST(id AS text) || '/' || CASE WHEN deleted_at IS NULL THEN CAST(version AS text) ELSE '{DELETED}' END"
_TERM = f"CAST(CAST('x' || left(md5({_NAME}), {HEX_DIGITS}) AS bit({4 * HEX_DIGITS})) AS bigint)"

_NAME_OF_VERSION = "CAST(id AS text) || '/' || CAST(version AS text)"
_TERM_OF_VERSION = _TERM.replace(_NAME, _NAME_OF_VERSION)

COUNTS = f"""
    count(*) FILTER (WHERE deleted_at IS NULL) AS live, count(*) FILTER (WHERE deleted_at IS NOT NULL) AS deleted,
    CAST(mod(coalesce(sum({_TERM}), 0), {MODULUS}) AS bigint) AS digest
"""

HELD = """
    count(*) FILTER (WHERE deleted_at IS NULL) AS memories,
    CAST(coalesce(sum(
        octet_length(content) + coalesce(octet_length(CAST(metadata AS text)), 0)
    ), 0) AS bigint) AS bytes
"""

HOLDINGS = text(f"""
    {_FOUND}
    SELECT named.user_id, found.* FROM named CROSS JOIN LATERAL (
        SELECT {HELD}
        FROM ninai_memories AS m WHERE {ALL} AND m.user_id = named.user_id AND deleted_at IS NULL
    ) AS found
    WHERE place > 0 AND named.user_id IS NOT NULL ORDER BY place
""")  # noqa: S608 - joined from constants

HOLDINGS_OF = text(f"""
    SELECT {HELD} FROM ninai_memories WHERE {NAMED} AND user_id = :user_id AND deleted_at IS NULL
""")  # noqa: S608 - joined from constants

SUMMARIES = text(f"""
    {_FOUND}
    SELECT named.user_id, found.*, versions.history FROM named CROSS JOIN LATERAL (
        SELECT {COUNTS} FROM ninai_memories AS m WHERE {ALL} AND m.user_id = named.user_id
    ) AS found CROSS JOIN LATERAL (
        SELECT CAST(mod(coalesce(sum({_TERM_OF_VERSION}), 0), {MODULUS}) AS bigint) AS history
        FROM ninai_history AS h WHERE {ALL} AND h.user_id = named.user_id AND {YOUNG} AND {of_memory(ALL)}
    ) AS versions
    WHERE place > 0 AND named.user_id IS NOT NULL ORDER BY place
""")  # noqa: S608 - joined from constants
