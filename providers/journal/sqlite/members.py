"""The members, which receive every write, and claims on tasks that only one holder may run."""

from providers.journal.operations import Member, MemberState
from providers.journal.rows import to_value
from providers.journal.sqlite.connection import JournalConnection

_COLUMNS = "name, identity, state, joined_at, copied, copied_users, fill_after"
_FROM_THE_START = "copied = 0, copied_users = 0, fill_after = NULL"


def join(connection: JournalConnection, name: str, identity: str | None) -> Member:
    """Find or add a member; see `Journal.join`."""
    known = next((member for member in members(connection) if member.name == name), None)
    if known is None:
        # Members that have left count, too.
        others = connection.row("SELECT 1 FROM sqlite_sequence WHERE name = 'members'")
        connection.run(
            "INSERT INTO members (name, identity, state, joined_at) VALUES (?, ?, ?, ?)",
            (name, identity, MemberState.FILLING if others else MemberState.COMPLETE, connection.now()),
        )
        _deliver_everything(connection, name)
    elif identity is not None and identity != known.identity:
        connection.run("UPDATE members SET identity = ? WHERE name = ?", (identity, name))
        if known.identity is not None:
            mark(connection, name, MemberState.FILLING)
            _deliver_everything(connection, name)
    return next(member for member in members(connection) if member.name == name)


def members(connection: JournalConnection) -> list[Member]:
    """Return all members; see `Journal.members`."""
    return [to_value(Member, row) for row in connection.rows(f"SELECT {_COLUMNS} FROM members ORDER BY place")]  # noqa: S608 - a constant


def note_fill(connection: JournalConnection, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
    """Record the progress of a backfill; see `Journal.note_fill`."""
    connection.run(
        "UPDATE members SET fill_after = ?, copied = ?, copied_users = ? WHERE name = ?",
        (after, copied, copied_users, name),
    )


def mark(connection: JournalConnection, name: str, state: MemberState) -> None:
    """Set the state of a member; see `Journal.mark`."""
    afresh = f", {_FROM_THE_START}" if state is MemberState.FILLING else ""
    connection.run(f"UPDATE members SET state = ?{afresh} WHERE name = ?", (state, name))  # noqa: S608 - a constant


def leave(connection: JournalConnection, name: str) -> bool:
    """Remove a member; see `Journal.leave`."""
    _drop_deliveries(connection, name)
    return connection.run("DELETE FROM members WHERE name = ?", (name,)) > 0


def claim(connection: JournalConnection, task: str, holder: str, seconds: float) -> bool:
    """Acquire or keep a task; see `Journal.claim`."""
    now = connection.now()
    sql = """INSERT INTO claims (task, holder, until) VALUES (?, ?, ?)
        ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE claims.holder = excluded.holder OR claims.until <= ?"""
    return connection.run(sql, (task, holder, now + seconds, now)) > 0


def _drop_deliveries(connection: JournalConnection, name: str) -> None:
    connection.run("DELETE FROM deliveries WHERE provider = ?", (name,))


def _deliver_everything(connection: JournalConnection, name: str) -> None:
    _drop_deliveries(connection, name)
    now = connection.now()
    connection.run(
        "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at) SELECT user_id, seq, ?, ?, ? FROM operations"
        " WHERE trace = 0",
        (name, now, now),
    )
