"""The statements on superseded versions of memories, which a trigger keeps as newer ones replace them."""

from sqlalchemy import text

from providers.native.bounded_answers import bounded_versions
from providers.native.columns import STATE, names
from providers.native.keeping import YOUNG, of_memory
from providers.native.wall import ALL, NAMED
from providers.retention import UNDATED_VERSION

# The columns of the table; what is derived stands in `unknown`, and nothing is looked for by it.
VERSION = tuple(column for column in STATE if not column.derived)

_OF_MEMORY = of_memory(NAMED, ":user_id")
_OF_HISTORY = f"""
    ninai_history AS h WHERE {NAMED} AND h.user_id = :user_id AND h.id = CAST(:id AS uuid)
        AND h.version < CAST(:newest AS bigint) AND {YOUNG} AND {_OF_MEMORY}
"""

# How many versions of a memory are kept, and the oldest of them.
KEPT = text(f"""
    SELECT count(*) AS found, coalesce(min(version), 0) AS floor
    FROM (SELECT h.version FROM {_OF_HISTORY} ORDER BY h.version DESC LIMIT CAST(:keep AS int)) AS kept
""")  # noqa: S608 - joined from constants

# Some of them; those whose texts begin beyond a bound in bytes are left out, and `found` tells of it.
PAGE = text(
    bounded_versions(
        f"""
        SELECT {names(VERSION, "h.")} FROM {_OF_HISTORY}
            AND h.version >= CAST(:floor AS bigint) AND h.version < CAST(:before AS bigint)
        ORDER BY h.version DESC LIMIT CAST(:limit AS int)
        """,  # noqa: S608 - joined from constants
        names(VERSION),
    )
)

_SUPERSEDED = f"""
    SELECT {names(VERSION, "h.")} FROM ninai_history AS h
    WHERE {NAMED} AND h.user_id = :user_id AND {YOUNG} AND {_OF_MEMORY} {{behind}}
    ORDER BY h.id, h.version LIMIT CAST(:limit AS int)
"""  # noqa: S608 - joined from constants
SUPERSEDED = text(_SUPERSEDED.format(behind=""))
SUPERSEDED_AFTER = text(
    _SUPERSEDED.format(behind="AND (h.id, h.version) > (CAST(:after AS uuid), CAST(:after_version AS bigint))")
)

KEPT_OF = text(f"""
    SELECT h.user_id, h.id, h.version FROM unnest(
        CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:versions AS bigint[])
    ) AS g (user_id, id, version) JOIN ninai_history AS h USING (user_id, id, version)
    WHERE {NAMED} AND {YOUNG} AND {of_memory(NAMED)}
""")  # noqa: S608 - joined from constants

_BOUND = ", ".join(f"CAST(:{column.name} AS {column.type}[])" for column in VERSION)
_WRITTEN = ", ".join("CAST(g.edits AS uuid[])" if c.name == "edits" else f"g.{c.name}" for c in VERSION)

# The rows of memories are locked, so that a deletion at the same moment comes before or after, and sees the versions.
PUT = text(f"""
    WITH given AS (
        SELECT * FROM unnest({_BOUND}) AS new ({names(VERSION)}) WHERE {NAMED}
    ), held AS (
        SELECT m.user_id, m.id, m.version, m.deleted_at IS NOT NULL AS deleted FROM ninai_memories AS m
        WHERE {NAMED} AND (m.user_id, m.id) IN (SELECT g.user_id, g.id FROM given AS g)
        ORDER BY m.user_id, m.id FOR SHARE
    ), put AS (
        INSERT INTO ninai_history ({names(VERSION)})
        SELECT {_WRITTEN} FROM given AS g LEFT JOIN held USING (user_id, id)
        WHERE held.deleted IS NOT TRUE AND held.version IS DISTINCT FROM g.version
        ORDER BY g.user_id, g.id, g.version
        ON CONFLICT DO NOTHING
    )
    SELECT user_id, id FROM held WHERE deleted
""")  # noqa: S608 - joined from constants

# After versions were put: what is too many, and those of a memory whose tombstone came first.
TIDY = text(f"""
    DELETE FROM ninai_history AS h
    USING (
        SELECT DISTINCT s.user_id, s.id, m.version, m.deleted_at
        FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])) AS s (user_id, id)
        LEFT JOIN ninai_memories AS m ON {NAMED} AND m.user_id = s.user_id AND m.id = s.id
    ) AS s
    WHERE {NAMED} AND h.user_id = s.user_id AND h.id = s.id AND (s.deleted_at IS NOT NULL OR h.version <= (
        SELECT x.version FROM ninai_history AS x
        WHERE {NAMED} AND x.user_id = s.user_id AND x.id = s.id AND (s.version IS NULL OR x.version < s.version)
        ORDER BY x.version DESC OFFSET CAST(:keep AS int) LIMIT 1
    ))
""")  # noqa: S608 - joined from constants

_DROP = f"""
    DELETE FROM ninai_history WHERE {ALL} AND (user_id, id, version) IN (
        SELECT h.user_id, h.id, h.version FROM ninai_history AS h {{of}}
        LIMIT CAST(:limit AS int) FOR UPDATE OF h SKIP LOCKED
    )
"""  # noqa: S608 - joined from constants
DROP_OLD = text(
    _DROP.format(of=f"WHERE {ALL} AND h.version < CAST(:oldest AS bigint) AND (:all OR h.version <> {UNDATED_VERSION})")
)
DROP_BURIED = text(
    _DROP.format(
        of=f"JOIN ninai_memories AS m ON {ALL} AND m.user_id = h.user_id AND m.id = h.id AND m.deleted_at IS NOT NULL"
        f" WHERE {ALL}"
    )
)
DROP_FOREIGN = text(
    _DROP.format(
        of=f"JOIN ninai_memories AS m ON {ALL} AND m.user_id = h.user_id AND m.id = h.id AND m.digest <> h.digest"
        f" WHERE {ALL} AND h.version = {UNDATED_VERSION}"
    )
)
