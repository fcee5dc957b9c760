"""Erasures in a journal in PostgreSQL: what is written down of them, their fences, and the removal of what it holds."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from providers.erasure.fences import Fence, hash_of
from providers.erasure.receipts import ErasedInJournal, Erasure
from providers.erasure.records import MAX_FENCES, ErasureRecords, Fences
from providers.journal.postgres.database import JournalDatabase
from providers.journal.postgres.statements import LOCK_ALONE

_FENCES = text("""
    SELECT key, hash, version, CAST(extract(epoch FROM erased_at) AS float8) AS erased_at, number
    FROM ninai_journal_fences WHERE number > :after ORDER BY number LIMIT CAST(:limit AS int)
""")
_ADD_KEY = text("INSERT INTO ninai_journal_fence_keys (key) VALUES (:key) ON CONFLICT DO NOTHING")
_ADD = text("""
    INSERT INTO ninai_journal_fences AS f (key, hash, version, erased_at, number)
    VALUES (:key, :hash, :version, to_timestamp(:erased_at), nextval('ninai_journal_fence_number'))
    ON CONFLICT (hash, key) DO UPDATE SET
        version = excluded.version, erased_at = excluded.erased_at, number = excluded.number
    WHERE excluded.version > f.version
""")
_MOMENT = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)")
_OF_OWNER = text("SELECT body FROM ninai_journal_erasures WHERE owner = :owner ORDER BY requested_at DESC FOR UPDATE")
_BEGIN = text("""
    INSERT INTO ninai_journal_erasures (id, owner, requested_at, body)
    VALUES (:id, :owner, to_timestamp(:requested_at), :body)
""")
# The tombstone of the newest is one above it.
_ABOVE_NEWEST = text("""
    SELECT 1 + greatest(
        (SELECT max(version) FROM ninai_journal_entries WHERE user_id = :owner),
        (SELECT max(version) FROM ninai_journal_superseded WHERE user_id = :owner)
    )
""")
_REPLACE = text("UPDATE ninai_journal_erasures SET owner = :owner, body = :body WHERE id = :id")
_ONE = text("SELECT body FROM ninai_journal_erasures WHERE id = :id")
_KNOWN = text("SELECT body FROM ninai_journal_erasures WHERE id = :id FOR UPDATE")
_ALL = text("SELECT body FROM ninai_journal_erasures ORDER BY requested_at DESC LIMIT CAST(:limit AS int)")
_OPEN = text(
    "SELECT body FROM ninai_journal_erasures WHERE owner <> '' ORDER BY requested_at DESC LIMIT CAST(:limit AS int)"
)
# Deliveries first, in the order in which all transactions lock: entries are not locked by others under the lock alone.
_SEQS = """
    SELECT seq FROM ninai_journal_entries WHERE user_id = :owner AND version <= :version
    UNION ALL SELECT seq FROM ninai_journal_superseded WHERE user_id = :owner AND version <= :version
"""
_PURGE_DELIVERIES = text(f"""
    WITH gone AS (DELETE FROM ninai_journal_deliveries WHERE user_id = :owner AND seq IN ({_SEQS}) RETURNING dead)
    SELECT count(*) FILTER (WHERE NOT dead) AS pending, count(*) FILTER (WHERE dead) AS dead FROM gone
""")  # noqa: S608 - joined from constants
_PURGE_NOTES = text("""
    DELETE FROM ninai_journal_older_edits AS x WHERE x.user_id = :owner AND NOT EXISTS (
        SELECT FROM ninai_journal_entries AS e
        WHERE e.user_id = :owner AND e.memory_id = x.memory_id AND e.version > :version
    )
""")
_PURGE_VERSIONS = text("DELETE FROM ninai_journal_superseded WHERE user_id = :owner AND version <= :version")
_PURGE_WEBHOOKS = text("DELETE FROM ninai_journal_webhooks WHERE user_id = :owner")
_PURGE_ENTRIES = text("DELETE FROM ninai_journal_entries WHERE user_id = :owner AND version <= :version")
_OLD = "clock_timestamp() - make_interval(secs => :seconds)"
_DROP_ERASURES = text(f"DELETE FROM ninai_journal_erasures WHERE owner = '' AND requested_at < {_OLD}")  # noqa: S608 - a constant
_DROP_FENCES = text(f"DELETE FROM ninai_journal_fences WHERE erased_at < {_OLD}")  # noqa: S608 - a constant
_DROP_KEYS = text("DELETE FROM ninai_journal_fence_keys WHERE key NOT IN (SELECT f.key FROM ninai_journal_fences AS f)")

_decode = msgspec.json.Decoder(Erasure).decode


class PostgresErasures(ErasureRecords):
    """The erasures of a journal; whatever changes fences is alone in it, so that no append misses one."""

    def __init__(self, database: JournalDatabase) -> None:
        self._database = database

    async def fences(self, after: int = 0) -> Fences:
        """Return fences behind a number; see the protocol."""
        rows = await self._database.rows(_FENCES, {"after": after, "limit": MAX_FENCES})
        found = [Fence(key=row.key, hash=row.hash, version=row.version, erased_at=row.erased_at) for row in rows]
        return Fences(found, rows[-1].number if rows else after)

    async def add_fences(self, fences: Sequence[Fence]) -> None:
        """Add fences; see the protocol."""
        if not fences:
            return
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            await _add(connection, fences)

    async def begin_erasure(self, erasure: Erasure) -> Erasure:
        """Write an erasure down; see the protocol."""
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            for row in await connection.execute(_OF_OWNER, {"owner": erasure.owner}):
                known = _decode(row.body)
                if known.finished_at is None:
                    return await _noted(connection, replace(known, again=known.again + 1))
            begun = replace(erasure, requested_at=float(await connection.scalar(_MOMENT) or 0))
            values = {"id": begun.id, "owner": begun.owner, "requested_at": begun.requested_at, "body": _encode(begun)}
            await connection.execute(_BEGIN, values)
            return begun

    async def fence(self, erasure: Erasure, key: str) -> Erasure:
        """Put the fence of an erasure; see the protocol."""
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            above = int(await connection.scalar(_ABOVE_NEWEST, {"owner": erasure.owner}) or 0)
            now = float(await connection.scalar(_MOMENT) or 0)
            fenced = replace(erasure, version=max(erasure.version, above), hash=hash_of(key, erasure.owner))
            await _add(connection, [Fence(key=key, hash=fenced.hash, version=fenced.version, erased_at=now)])
            return await _noted(connection, fenced)

    async def note_erasure(self, erasure: Erasure) -> None:
        """Replace what is written down; see the protocol."""
        async with self._database.transaction() as connection:
            await _noted(connection, erasure)

    async def erasure(self, erasure_id: str) -> Erasure | None:
        """Return one erasure; see the protocol."""
        rows = await self._database.rows(_ONE, {"id": erasure_id})
        return _decode(rows[0].body) if rows else None

    async def erasures(self, limit: int, *, open_only: bool = False) -> list[Erasure]:
        """Return the newest erasures; see the protocol."""
        rows = await self._database.rows(_OPEN if open_only else _ALL, {"limit": limit})
        return [_decode(row.body) for row in rows]

    async def purge(self, owner_key: str, version: int) -> ErasedInJournal:
        """Remove what the journal holds of an owner; see the protocol."""
        values = {"owner": owner_key, "version": version}
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            await connection.execute(_PURGE_WEBHOOKS, {"owner": owner_key})
            gone = (await connection.execute(_PURGE_DELIVERIES, values)).one()
            notes, versions, operations = [
                (await connection.execute(statement, values)).rowcount
                for statement in (_PURGE_NOTES, _PURGE_VERSIONS, _PURGE_ENTRIES)
            ]
        return ErasedInJournal(
            operations=operations, versions=versions, notes=notes, deliveries=gone.pending, dead_letters=gone.dead
        )

    async def drop_erasures(self, seconds: float) -> int:
        """Drop what is too old; see the protocol."""
        values = {"seconds": seconds}
        async with self._database.transaction() as connection:
            await connection.execute(LOCK_ALONE)
            await connection.execute(_DROP_ERASURES, values)
            dropped = (await connection.execute(_DROP_FENCES, values)).rowcount
            await connection.execute(_DROP_KEYS)
        return dropped


async def _add(connection: AsyncConnection, fences: Sequence[Fence]) -> None:
    for fence in fences:
        await connection.execute(_ADD_KEY, {"key": fence.key})
        await connection.execute(_ADD, asdict(fence))


async def _noted(connection: AsyncConnection, told: Erasure) -> Erasure:
    body = await connection.scalar(_KNOWN, {"id": told.id})
    noted = told if body is None else told.noted_over(_decode(body))
    await connection.execute(_REPLACE, _values(noted))
    return noted


def _values(erasure: Erasure) -> dict[str, str]:
    return {"id": erasure.id, "owner": erasure.owner, "body": _encode(erasure)}


def _encode(erasure: Erasure) -> str:
    return msgspec.json.encode(erasure).decode()
