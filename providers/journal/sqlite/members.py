"""The members, which receive every write, and claims on tasks that only one holder may run."""

from functools import lru_cache

from providers.journal.base import NEWEST_SEARCHED, RESERVED_MARKS
from providers.journal.operations import JournalEntry, Member, MemberState
from providers.journal.rows import Row, to_value
from providers.journal.sqlite import superseding
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.operations_table import to_entry

_COLUMNS = (
    "name, identity, state, joined_at, copied, copied_users, fill_after, epoch, noted, noted_at, reserved, lineage,"
    " restored = 1, behind, keeps_history = 1, ours = 1"
)
_FROM_THE_START = "copied = 0, copied_users = 0, fill_after = NULL"
_STILL_OURS = "ours = 1 OR state = 'complete' OR restored = 1"
_TOMBSTONES_FIRST = 0.5  # seconds by which all others are delivered later after a restart


def installation(connection: JournalConnection, proposed: str | None = None) -> str | None:
    """Return the installation of the journal; see `Journal.installation`."""
    if proposed is not None:
        connection.run("UPDATE meta SET installation = ? WHERE installation IS NULL", (proposed,))
    [noted] = connection.row("SELECT installation FROM meta") or (None,)
    return noted if noted is None else str(noted)


def patrolled(connection: JournalConnection) -> str | None:
    """Return how far the comparison of the stores is; see `PatrolNotes`."""
    [reached] = connection.row("SELECT patrolled FROM meta") or (None,)
    return reached if reached is None else str(reached)


def note_patrol(connection: JournalConnection, reached: str | None) -> None:
    """Note how far the comparison of the stores is; see `PatrolNotes`."""
    connection.run("UPDATE meta SET patrolled = ?", (reached,))


def quarantines(connection: JournalConnection) -> str | None:
    """Return the quarantines that were noted last; see `QuarantineNotes`."""
    [noted] = connection.row("SELECT quarantines FROM meta") or (None,)
    return noted if noted is None else str(noted)


def note_quarantines(connection: JournalConnection, text: str, former: str | None) -> bool:
    """Note quarantines in the place of others; see `QuarantineNotes`."""
    if quarantines(connection) != former:
        return False
    connection.run("UPDATE meta SET quarantines = ?", (text,))
    return True


def founded(connection: JournalConnection) -> bool:
    """Return whether there was ever a member; see `Journal.founded`."""
    return connection.row("SELECT 1 FROM sqlite_sequence WHERE name = 'members'") is not None


def join(
    connection: JournalConnection,
    name: str,
    identity: str | None,
    state: MemberState | None = None,
    *,
    ours: bool = False,
) -> Member:
    """Find or add a member; see `Journal.join`."""
    known = _member(connection, name)
    if known is None:
        first = MemberState.FILLING if founded(connection) else MemberState.COMPLETE
        connection.run(
            "INSERT INTO members (name, identity, state, joined_at, ours) VALUES (?, ?, ?, ?, ?)",
            (name, identity, first if state is None else state, connection.now(), ours),
        )
        _deliver_everything(connection, name)
    elif known.identity is None:
        connection.run("UPDATE members SET identity = ?, ours = ? WHERE name = ?", (identity, ours, name))
    return next(member for member in members(connection) if member.name == name)


def restart(  # noqa: PLR0913 - one for each column
    connection: JournalConnection,
    name: str,
    *,
    epoch: int,
    identity: str,
    restored: bool = False,
    behind: float | None = None,
    above: int = 0,
    state: MemberState = MemberState.FILLING,
    ours: bool = False,
) -> Member | None:
    """Begin a new epoch of a member; see `Journal.restart`."""
    changed = connection.run(
        f"""UPDATE members SET ours = CASE identity WHEN ?1 THEN {_STILL_OURS} ELSE ?2 END, identity = ?1,
        epoch = max(epoch, ?3) + 1, noted = 0, lineage = NULL, restored = ?4, behind = ?5, state = ?6,
        {_FROM_THE_START} WHERE name = ?7 AND epoch = ?8""",  # noqa: S608 - constants
        (identity, ours, above, restored, behind, state, name, epoch),
    )
    if changed:
        _deliver_everything(connection, name, _TOMBSTONES_FIRST)
    return _member(connection, name)


def reserve(connection: JournalConnection, name: str, number: int) -> None:
    """Reserve marks; see `Journal.reserve`."""
    connection.run("UPDATE members SET reserved = max(reserved, ?) WHERE name = ?", (number, name))


def note(connection: JournalConnection, name: str, *, epoch: int, number: int, lineage: str | None) -> bool:
    """Note the mark of a store; see `Journal.note`."""
    noted = connection.run(
        """UPDATE members SET noted = ?1, noted_at = ?2, lineage = ?3, reserved = max(reserved, ?1 + ?6)
        WHERE name = ?4 AND epoch = ?5 AND noted < ?1""",
        (number, connection.now(), lineage, name, epoch, RESERVED_MARKS),
    )
    sql = "SELECT 1 FROM members WHERE name = ? AND epoch = ? AND noted = ?"
    return noted > 0 or connection.row(sql, (name, epoch, number)) is None


def confirmed(connection: JournalConnection, provider: str, limit: int, seconds: float) -> list[JournalEntry]:
    """Return the newest operations that a provider has confirmed; see `Journal.confirmed`."""
    rows = connection.rows(
        f"""SELECT {connection.operations.entry} FROM (
            SELECT * FROM operations ORDER BY seq DESC LIMIT {NEWEST_SEARCHED}
        ) AS o WHERE o.trace = 0 AND o.appended_at <= ? AND NOT EXISTS (
            SELECT 1 FROM deliveries AS p WHERE p.user_id = o.user_id AND p.seq = o.seq AND p.provider = ?
        ) ORDER BY o.seq DESC LIMIT ?""",  # noqa: S608 - names of columns
        (connection.now() - seconds, provider, limit),
    )
    return [to_entry(row) for row in rows]


def members(connection: JournalConnection) -> list[Member]:
    """Return all members; see `Journal.members`."""
    return [*map(_member_in, connection.rows(f"SELECT {_COLUMNS} FROM members ORDER BY place"))]  # noqa: S608 - a constant


@lru_cache(maxsize=64)  # they are read every half second, and hardly ever change
def _member_in(row: Row) -> Member:
    return to_value(Member, row)


def note_fill(connection: JournalConnection, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
    """Record the progress of a backfill; see `Journal.note_fill`."""
    connection.run(
        "UPDATE members SET fill_after = ?, copied = ?, copied_users = ? WHERE name = ?",
        (after, copied, copied_users, name),
    )


def mark(connection: JournalConnection, name: str, state: MemberState, *, epoch: int | None = None) -> None:
    """Set the state of a member; see `Journal.mark`."""
    afresh = _FROM_THE_START if state is MemberState.FILLING else "behind = NULL"
    connection.run(
        f"""UPDATE members SET ours = {_STILL_OURS}, state = ?, restored = 0, {afresh}
        WHERE name = ? AND epoch = coalesce(?, epoch)""",  # noqa: S608 - constants
        (state, name, epoch),
    )


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


def drop_ended_claims(connection: JournalConnection) -> None:
    """Drop the claims that have ended; see `Journal.prune`."""
    connection.run("DELETE FROM claims WHERE until <= ?", (connection.now(),))


def _member(connection: JournalConnection, name: str) -> Member | None:
    return next((member for member in members(connection) if member.name == name), None)


def _drop_deliveries(connection: JournalConnection, name: str) -> None:
    connection.run("DELETE FROM deliveries WHERE provider = ?", (name,))


def _deliver_everything(connection: JournalConnection, name: str, later: float = 0.0) -> None:
    """Make everything due at a provider, tombstones now, and all others `later` by so many seconds."""
    _drop_deliveries(connection, name)
    now = connection.now()
    connection.run(
        "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at)"
        " SELECT user_id, seq, ?, CASE kind WHEN 'delete' THEN ? ELSE ? END, ? FROM operations WHERE trace = 0",
        (name, now, now + later, now),
    )
    superseding.deliver_all(connection, name, later)
