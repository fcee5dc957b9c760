"""Superseded versions, which are kept for the members that keep the history of memories."""

from collections.abc import Collection, Sequence

from providers.errors import MemoryDeleted, OwnerErased, Rejected
from providers.journal.operations import JournalEntry, KeptVersion, OperationKind
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.erasing import version_of
from providers.owners import Owner
from providers.states.codec import decode, encode
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


def keep_given(
    connection: JournalConnection, versions: Sequence[Snapshot], held: str | None, seconds: float
) -> list[KeptVersion | Rejected]:
    """Keep versions that come from elsewhere; see `SupersededVersions.keep_versions`."""
    now = connection.now()
    keepers = [name for (name,) in connection.rows("SELECT name FROM members WHERE keeps_history = 1")]
    due = {name: now + seconds if name == held else now for name in keepers}
    erased = {user: version_of(connection, user) for user in {one.user_id for one in versions}}
    new: set[int] = set()
    return [
        _keep_given(connection, one, due, now, new)
        if one.version > erased[one.user_id]
        else OwnerErased(erased[one.user_id])
        for one in versions
    ]


def _keep_given(
    connection: JournalConnection, state: Snapshot, due: dict[str, float], now: float, new: set[int]
) -> KeptVersion | Rejected:
    """Keep a version that is not known; add its number to those that are `new` in this call."""
    memory = (state.user_id, state.id)
    if connection.row("SELECT 1 FROM operations WHERE user_id = ? AND memory_id = ? AND kind = 'delete'", memory):
        return MemoryDeleted(state.id)
    if not due:
        return KeptVersion(0, frozenset())
    sql = "SELECT seq FROM superseded WHERE user_id = ? AND memory_id = ? AND version = ?"
    if (there := connection.row(sql, (*memory, state.version))) is not None:
        sql = "SELECT provider FROM deliveries WHERE user_id = ? AND seq = ?"
        pending = connection.rows(sql, (state.user_id, there[0]))
        return KeptVersion(there[0], frozenset(name for (name,) in pending), found=there[0] not in new)
    seq = _next_seq(connection)
    new.add(seq)
    connection.run(
        """INSERT INTO superseded (seq, user_id, memory_id, version, kind, state, appended_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (seq, *memory, state.version, OperationKind.UPDATE.value, encode(state), now),
    )
    connection.raw.executemany(
        "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at) VALUES (?, ?, ?, ?, ?)",
        [(state.user_id, seq, name, due_at, now) for name, due_at in due.items()],
    )
    return KeptVersion(seq, frozenset(due))


def _next_seq(connection: JournalConnection) -> int:
    """Return a number that no operation has had, and none will have."""
    sql = "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'operations' RETURNING seq"
    row = connection.row(sql) or connection.row(
        "INSERT INTO sqlite_sequence (name, seq) VALUES ('operations', 1) RETURNING seq"
    )
    if row is None:
        raise RuntimeError("a statement that returns what it has written returned nothing")
    return int(row[0])


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
