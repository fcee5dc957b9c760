"""Erasing an owner from the database: rows are removed, and the list of erased owners refuses what comes late."""

from collections.abc import Collection, Sequence

from sqlalchemy import text

from providers.erasure.fences import Fence
from providers.native.database import Database
from providers.native.wall import NAMED, values_of
from providers.owners import Owner

_PURGE_HISTORY = text(f"""
    DELETE FROM ninai_history WHERE {NAMED} AND user_id = :user_id AND version <= CAST(:version AS bigint)
""")  # noqa: S608 - joined from constants
_PURGE = text(f"""
    DELETE FROM ninai_memories WHERE {NAMED} AND user_id = :user_id AND id IN (
        SELECT id FROM ninai_memories
        WHERE {NAMED} AND user_id = :user_id AND version <= CAST(:version AS bigint)
        ORDER BY id LIMIT CAST(:limit AS int)
    ) AND version <= CAST(:version AS bigint)
""")  # noqa: S608 - joined from constants
_PUT_FENCES = text("""
    WITH new AS (
        SELECT * FROM unnest(
            CAST(:keys AS text[]), CAST(:hashes AS text[]), CAST(:versions AS bigint[]), CAST(:moments AS float8[])
        ) AS n (key, hash, version, erased_at)
    ), keys AS (
        INSERT INTO ninai_erasure_keys (key) SELECT DISTINCT key FROM new ON CONFLICT DO NOTHING
    )
    INSERT INTO ninai_erasures AS e (key, hash, version, erased_at)
    SELECT DISTINCT ON (hash, key) key, hash, version, erased_at FROM new ORDER BY hash, key, version DESC
    ON CONFLICT (hash, key) DO UPDATE SET version = excluded.version, erased_at = excluded.erased_at
    WHERE excluded.version > e.version
""")
_FENCES = text("""
    SELECT key, hash, version, erased_at FROM ninai_erasures
    WHERE hash > CAST(:after AS text) ORDER BY hash, key LIMIT CAST(:limit AS int)
""")
_ERASED = text("""
    SELECT user_id, ninai_erased_up_to(user_id) AS version FROM unnest(CAST(:user_ids AS text[])) AS asked (user_id)
""")
# Of what no samples are made; behind the wall between tenants nobody is shown whether there are old ones.
_TEXTS = ["content", "metadata", "unknown", "key", "source"]
_CLEARED_BY_OWNERS = 180_000  # the version of the server in which the owner of a table, who upgrades it, clears them
_SETTINGS = text("""
    SELECT current_setting('max_wal_size') AS wal, current_setting('archive_mode') AS archiving,
        current_setting('checkpoint_timeout') AS checkpoint, current_setting('wal_keep_size') AS kept,
        (SELECT count(*) FROM pg_catalog.pg_replication_slots) AS slots,
        EXISTS (
            SELECT FROM pg_catalog.pg_stats
            WHERE schemaname = current_schema() AND tablename ~ '^ninai_(memories|history)'
                AND attname = ANY (CAST(:sampled AS text[]))
        ) OR EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
            WHERE c.oid = CAST('ninai_memories' AS regclass) AND a.attname = ANY (CAST(:sampled AS text[]))
                AND (coalesce(a.attstattarget, -1) <> 0 OR c.relrowsecurity AND CAST(:old AS int)
                    > CAST(current_setting('server_version_num') AS int))
        ) AS sampled
""")


_PAGES = (
    "the pages of the tables and indexes: VACUUM frees them (autovacuum, or run it), new rows overwrite them by and by,"
    " and VACUUM FULL leaves none of them"
)
_NAMES = (
    "the planner's samples of the names of users and of labels, in pg_stats, until an ANALYZE replaces them, which it"
    " does not in a partition that has become empty"
)
_SAMPLES = (
    "the planner's samples of texts and metadata, in pg_stats, from before the schema of this version:"
    " DELETE FROM pg_statistic, as a superuser, removes them, and ANALYZE makes none of texts"
)


class NativeErasing:
    """Remove what an owner has in the table of memories, and keep the list of those who were erased."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, owner: Owner, version: int, limit: int) -> int:
        """Remove rows up to a version, and return how many; see `Replica.purge`."""
        values = values_of(owner) | {"version": version}
        await self._database.change(_PURGE_HISTORY, values)
        return await self._database.change(_PURGE, values | {"limit": limit})

    async def put(self, fences: Sequence[Fence]) -> None:
        """Keep fences; see `Replica.put_fences`."""
        values = {
            "keys": [fence.key for fence in fences],
            "hashes": [fence.hash for fence in fences],
            "versions": [fence.version for fence in fences],
            "moments": [fence.erased_at for fence in fences],
        }
        await self._database.change(_PUT_FENCES, values)

    async def fences(self, limit: int, after: str | None) -> list[Fence]:
        """Return the fences that are kept; see `Replica.fences`."""
        rows = await self._database.rows(_FENCES, {"after": after or "", "limit": limit})
        return [Fence(key=row.key, hash=row.hash, version=row.version, erased_at=row.erased_at) for row in rows]

    async def erased(self, user_ids: Collection[str]) -> dict[str, int]:
        """Return up to which version owners, given by their keys, were erased; 0 for one who was not."""
        rows = await self._database.rows(_ERASED, {"user_ids": list(user_ids)}, after_write=True)
        return {row.user_id: row.version for row in rows}

    async def remains(self) -> tuple[str, ...]:
        """Return what the server still holds of removed rows; see `Replica.remains`."""
        [row] = await self._database.rows(_SETTINGS, {"sampled": _TEXTS, "old": _CLEARED_BY_OWNERS})
        log = (
            f"the write-ahead log, until its segments are overwritten: after a checkpoint (every {row.checkpoint}), at"
            f" about {row.wal} of writes"
        )
        if row.kept not in {"0", "0MB"}:
            log += f", {row.kept} of it for standbys"
        if row.slots:
            log += f", later where one of {row.slots} replication slots lags"
        archive = ("the archive of the write-ahead log, for as long as you keep it",) if row.archiving != "off" else ()
        samples = (_SAMPLES,) if row.sampled else ()
        return (_PAGES, _NAMES, *samples, log, *archive)
