"""What changed, of all owners, by the transactions that changed it, and the notes of webhooks.

Transactions do not commit in the order of their numbers, nor in that of the operations. So a page ends before the
oldest one that is still under way in the server, as in the feed of one user in `providers/native/feed.py`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from providers.errors import FeedLost
from providers.feed import ANOTHER_HISTORY
from providers.journal.base import Journal
from providers.journal.changes import (
    MAX_WEBHOOK_NOTES,
    PLACE,
    JournalChange,
    JournalChanges,
    JournalPosition,
    WebhookNote,
)
from providers.journal.postgres.changing_tables import NOTES
from providers.journal.postgres.database import JournalDatabase
from providers.states.codec import decode
from providers.timing.turns import in_turns

_CHANGES = text("""
    WITH journal AS MATERIALIZED (
        SELECT concat_ws('/', id, CAST(CAST('ninai_journal_entries' AS regclass) AS oid)) AS epoch,
            CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS position,
            CAST(extract(epoch FROM clock_timestamp()) AS float8) AS moment
        FROM ninai_journal
    ), behind AS MATERIALIZED (
        SELECT seq, state, CAST(CAST(changed AS text) AS bigint) AS number,
            CAST(extract(epoch FROM appended_at) AS float8) AS appended_at
        FROM ninai_journal_entries
        WHERE NOT trace AND changed >= CAST(CAST(:number AS text) AS xid8)
            AND changed < pg_snapshot_xmin(pg_current_snapshot())
            AND (changed > CAST(CAST(:number AS text) AS xid8) OR seq > :seq)
        ORDER BY changed, seq LIMIT CAST(:most AS int)
    )
    SELECT behind.*, journal.epoch, journal.position, journal.moment FROM journal LEFT JOIN behind ON true
    ORDER BY behind.number, behind.seq
""")
_NOTES = text(f"SELECT seq, note, user_id FROM {NOTES} WHERE name = :name AND seq > :after ORDER BY seq LIMIT :most")  # noqa: S608 - a constant
_NOTE = text(f"""
    INSERT INTO {NOTES} (name, seq, user_id, note)
    SELECT :name, n.seq, n.user_id, n.note
    FROM unnest(CAST(:seqs AS bigint[]), CAST(:users AS text[]), CAST(:notes AS text[])) AS n (seq, user_id, note)
    ON CONFLICT (name, seq) DO UPDATE SET user_id = excluded.user_id, note = excluded.note
""")  # noqa: S608 - a constant
_BOUND = text(f"""
    DELETE FROM {NOTES} WHERE name = :name AND seq > {PLACE} AND seq <= (
        SELECT w.seq FROM {NOTES} AS w WHERE w.name = :name ORDER BY w.seq DESC LIMIT 1 OFFSET {MAX_WEBHOOK_NOTES - 1}
    )
""")  # noqa: S608 - constants
_DROP = text(f"DELETE FROM {NOTES} WHERE name = :name AND seq = ANY (CAST(:seqs AS bigint[]))")  # noqa: S608 - a constant


class PostgresChanges(Journal):
    """The methods of a journal about what changed, and about who follows it."""

    _database: JournalDatabase

    async def changes(self, after: JournalPosition | None, limit: int, *, now: bool = False) -> JournalChanges:
        """Return what changed behind a place; see the protocol."""
        start = after or JournalPosition("", 0, 0, 0.0)
        most = 0 if now and after is None else limit + 1
        rows = await self._database.rows(_CHANGES, {"number": str(start.number), "seq": start.seq, "most": most})
        if not rows:
            raise FeedLost(ANOTHER_HISTORY)  # the name of the journal was deleted
        epoch, moment = str(rows[0].epoch), float(rows[0].moment)
        end = JournalPosition(epoch, rows[0].position, 0, moment)
        if after is not None and (after.epoch != epoch or after.number > end.number):
            raise FeedLost(ANOTHER_HISTORY)

        def change(row: Row[Any]) -> JournalChange:
            position = JournalPosition(epoch, row.number, row.seq, row.appended_at)
            return JournalChange(row.seq, decode(row.state), position)

        there = [row for row in rows if row.seq is not None]
        found = await in_turns(change, there[:limit])
        more = len(there) > limit
        return JournalChanges(found, found[-1].position if more else end, more, moment)

    async def webhook_notes(self, name: str, limit: int, *, after: int = -1) -> list[WebhookNote]:
        """Return notes of a webhook; see the protocol."""
        rows = await self._database.rows(_NOTES, {"name": name, "after": after, "most": limit})
        return [WebhookNote(row.seq, row.note, row.user_id) for row in rows]

    async def note_webhook(self, name: str, notes: Sequence[WebhookNote]) -> None:
        """Write notes of a webhook; see the protocol."""
        async with self._database.transaction() as connection:
            values = {
                "seqs": [n.seq for n in notes],
                "users": [n.user_id for n in notes],
                "notes": [n.text for n in notes],
            }
            await connection.execute(_NOTE, {"name": name, **values})
            if any(note.seq != PLACE for note in notes):
                await connection.execute(_BOUND, {"name": name})

    async def drop_webhook_notes(self, name: str, seqs: Sequence[int]) -> int:
        """Drop notes of a webhook; see the protocol."""
        return await self._database.change(_DROP, {"name": name, "seqs": list(seqs)})
