"""Superseded versions, which are kept for the members that keep the history of memories."""

from collections.abc import Collection

from providers.journal.operations import JournalEntry
from providers.journal.sqlite.connection import JournalConnection
from providers.owners import Owner
from providers.states.codec import decode
from providers.types import Snapshot

# The first column of a delivery's key stands with the version.
KEY = "user_id = (SELECT s.user_id FROM superseded AS s WHERE s.seq = ?) AND seq = ? AND provider = ?"

_DELIVER = """INSERT INTO deliveries (user_id, seq, provider, due_at, made_at)
    SELECT s.user_id, s.seq, m.name, ?, ? FROM superseded AS s CROSS JOIN members AS m
    WHERE m.name = ? AND m.keeps_history = 1 ON CONFLICT DO NOTHING"""


def keep(
    connection: JournalConnection, known: JournalEntry, keepers: Collection[str]
) -> list[tuple[str, float | None]]:
    """Keep an operation as a superseded version, with its deliveries to the `keepers`.

    Returns:
        All deliveries that it had: the provider, and when it was due, None for a dead letter.
    """
    user, seq = known.state.user_id, known.seq
    is_new = connection.run(
        f"""INSERT INTO superseded (seq, user_id, memory_id, version, kind, state, appended_at)
        SELECT o.seq, o.user_id, o.memory_id, o.version, o.kind, {connection.operations.state}, o.appended_at
        FROM operations AS o WHERE o.seq = ? ON CONFLICT DO NOTHING""",  # noqa: S608 - names of columns
        (seq,),
    )
    had = connection.rows("SELECT provider, due_at FROM deliveries WHERE user_id = ? AND seq = ?", (user, seq))
    connection.raw.executemany(
        "DELETE FROM deliveries WHERE user_id = ? AND seq = ? AND provider = ?",
        [(user, seq, name) for name, _ in had if not is_new or name not in keepers],
    )
    return [(name, due_at) for name, due_at in had]


def superseded(connection: JournalConnection, owner: Owner, memory_id: str) -> list[Snapshot]:
    """Return what is known of one memory beside the newest; see `SupersededVersions.superseded`."""
    sql = "SELECT state FROM superseded WHERE user_id = ? AND memory_id = ?"
    return [decode(state) for (state,) in connection.rows(sql, (owner.key, memory_id))]


def note_history(connection: JournalConnection, name: str, *, keeps: bool) -> None:
    """Note whether a member keeps history; see `SupersededVersions.note_history`."""
    sql = "UPDATE members SET keeps_history = ? WHERE name = ? AND keeps_history <> ?"
    if not connection.run(sql, (keeps, name, keeps)):
        return
    if keeps:
        deliver_all(connection, name)
    else:
        sql = "DELETE FROM deliveries WHERE provider = ? AND seq IN (SELECT s.seq FROM superseded AS s)"
        connection.run(sql, (name,))


def deliver_all(connection: JournalConnection, name: str, later: float = 0.0) -> None:
    """Make everything that is kept due at a member in so many seconds, if it keeps history."""
    now = connection.now()
    connection.run(_DELIVER, (now + later, now, name))


def drop_old(connection: JournalConnection, seconds: float, limit: int) -> int:
    """Drop up to `limit` that were appended so long ago and that nobody waits for, and return their number."""
    return connection.run(
        """DELETE FROM superseded WHERE seq IN (
            SELECT s.seq FROM superseded AS s INDEXED BY superseded_by_age
            WHERE s.appended_at <= ? AND NOT EXISTS (
                SELECT 1 FROM deliveries AS d WHERE d.user_id = s.user_id AND d.seq = s.seq
            ) ORDER BY s.appended_at LIMIT ?
        )""",
        (connection.clock.before(seconds), limit),
    )
