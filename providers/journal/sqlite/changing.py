"""What changed, of all owners, by the numbers of the operations, which one writer after the other commits in order."""

import json
from collections.abc import Sequence

from providers.errors import FeedLost
from providers.feed import ANOTHER_HISTORY
from providers.journal.changes import (
    MAX_WEBHOOK_NOTES,
    PLACE,
    JournalChange,
    JournalChanges,
    JournalPosition,
    WebhookNote,
)
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.retaining import last_seq
from providers.states.codec import decode

TABLES = (
    """CREATE TABLE webhooks (
        name TEXT NOT NULL,
        seq INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        note TEXT NOT NULL,
        PRIMARY KEY (name, seq)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX webhooks_of_user ON webhooks (user_id)",
)


def changes(
    connection: JournalConnection, after: JournalPosition | None, limit: int, *, now: bool = False
) -> JournalChanges:
    """Return what changed behind a place; see `ChangesOfJournal.changes`."""
    with connection.snapshot():
        [epoch] = connection.row("SELECT journal_id FROM meta") or ("",)
        end = JournalPosition(epoch, 0, last_seq(connection), connection.now())
        if after is not None and (after.epoch != epoch or after.seq > end.seq):
            raise FeedLost(ANOTHER_HISTORY)
        start = end.seq if now and after is None else after.seq if after is not None else 0
        rows = connection.rows(
            f"""SELECT o.seq, o.appended_at, {connection.operations.state} FROM operations AS o
            WHERE o.seq > ? AND o.trace = 0 ORDER BY o.seq LIMIT ?""",  # noqa: S608 - names of columns
            (start, limit + 1),
        )
    found = [JournalChange(seq, decode(state), JournalPosition(epoch, 0, seq, at)) for seq, at, state in rows[:limit]]
    more = len(rows) > limit
    return JournalChanges(found, found[-1].position if more else end, more, end.at)


def webhook_notes(connection: JournalConnection, name: str, limit: int, *, after: int = -1) -> list[WebhookNote]:
    """Return notes of a webhook; see `ChangesOfJournal.webhook_notes`."""
    sql = "SELECT seq, note, user_id FROM webhooks WHERE name = ? AND seq > ? ORDER BY seq LIMIT ?"
    return [WebhookNote(*row) for row in connection.rows(sql, (name, after, limit))]


def note_webhook(connection: JournalConnection, name: str, notes: Sequence[WebhookNote]) -> None:
    """Write notes of a webhook; see `ChangesOfJournal.note_webhook`."""
    connection.raw.executemany(
        """INSERT INTO webhooks (name, seq, user_id, note) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET user_id = excluded.user_id, note = excluded.note""",
        [(name, note.seq, note.user_id, note.text) for note in notes],
    )
    if any(note.seq != PLACE for note in notes):
        connection.run(
            """DELETE FROM webhooks WHERE name = ?1 AND seq <= (
                SELECT w.seq FROM webhooks AS w WHERE w.name = ?1 ORDER BY w.seq DESC LIMIT 1 OFFSET ?2
            ) AND seq > ?3""",
            (name, MAX_WEBHOOK_NOTES - 1, PLACE),
        )


def drop_webhook_notes(connection: JournalConnection, name: str, seqs: Sequence[int]) -> int:
    """Drop notes of a webhook; see `ChangesOfJournal.drop_webhook_notes`."""
    sql = "DELETE FROM webhooks WHERE name = ? AND seq IN (SELECT value FROM json_each(?))"
    return connection.run(sql, (name, json.dumps(list(seqs))))
