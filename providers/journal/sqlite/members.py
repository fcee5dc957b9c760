"""Who gets every write, and who does what only one may do."""

from providers.journal.operations import Member, MemberState
from providers.journal.sqlite.ledger import Ledger
from providers.journal.sqlite.rows import Row

_COLUMNS = "name, identity, state, joined_at, copied, copied_users, fill_after"
_FROM_THE_START = "copied = 0, copied_users = 0, fill_after = NULL"


def join(ledger: Ledger, name: str, identity: str | None) -> Member:
    """Find or make a member; see `Journal.join`."""
    known = next((member for member in members(ledger) if member.name == name), None)
    if known is None:
        others = ledger.row("SELECT 1 FROM sqlite_sequence WHERE name = 'members'")  # those who left, too
        ledger.run(
            "INSERT INTO members (name, identity, state, joined_at) VALUES (?, ?, ?, ?)",
            (name, identity, MemberState.FILLING if others else MemberState.COMPLETE, ledger.now()),
        )
        _deliver_everything(ledger, name)
    elif identity is not None and identity != known.identity:
        ledger.run("UPDATE members SET identity = ? WHERE name = ?", (identity, name))
        if known.identity is not None:
            mark(ledger, name, MemberState.FILLING)
            _deliver_everything(ledger, name)
    return next(member for member in members(ledger) if member.name == name)


def members(ledger: Ledger) -> list[Member]:
    """Give all members; see `Journal.members`."""
    return [_to_member(row) for row in ledger.rows(f"SELECT {_COLUMNS} FROM members ORDER BY place")]  # noqa: S608 - a constant


def note_fill(ledger: Ledger, name: str, after: str | None, copied: int, copied_users: int) -> None:
    """Take note of how far the filling has come; see `Journal.note_fill`."""
    ledger.run(
        "UPDATE members SET fill_after = ?, copied = ?, copied_users = ? WHERE name = ?",
        (after, copied, copied_users, name),
    )


def mark(ledger: Ledger, name: str, state: MemberState) -> None:
    """Say whether a member has received everything; see `Journal.mark`."""
    afresh = f", {_FROM_THE_START}" if state is MemberState.FILLING else ""
    ledger.run(f"UPDATE members SET state = ?{afresh} WHERE name = ?", (state, name))  # noqa: S608 - a constant


def leave(ledger: Ledger, name: str) -> bool:
    """End a membership; see `Journal.leave`."""
    _drop_deliveries(ledger, name)
    return ledger.run("DELETE FROM members WHERE name = ?", (name,)) > 0


def claim(ledger: Ledger, task: str, holder: str, seconds: float) -> bool:
    """Take or keep a task; see `Journal.claim`."""
    now = ledger.now()
    sql = """INSERT INTO claims (task, holder, until) VALUES (?, ?, ?)
        ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE claims.holder = excluded.holder OR claims.until <= ?"""
    return ledger.run(sql, (task, holder, now + seconds, now)) > 0


def _drop_deliveries(ledger: Ledger, name: str) -> None:
    ledger.run("DELETE FROM deliveries WHERE provider = ?", (name,))


def _deliver_everything(ledger: Ledger, name: str) -> None:
    _drop_deliveries(ledger, name)
    now = ledger.now()
    ledger.run(
        "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at) SELECT user_id, seq, ?, ?, ? FROM operations"
        " WHERE trace = 0",
        (name, now, now),
    )


def _to_member(row: Row) -> Member:
    return Member(
        name=row[0],
        identity=row[1],
        state=MemberState(row[2]),
        joined_at=row[3],
        copied=row[4],
        copied_users=row[5],
        fill_after=row[6],
    )
