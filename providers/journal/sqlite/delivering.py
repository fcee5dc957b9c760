"""Lending deliveries, and what became of them."""

from collections.abc import Sequence

from msgspec import Struct

from providers.journal.base import MAX_LEASED
from providers.journal.operations import (
    Dead,
    DeadLetter,
    Delivery,
    Done,
    Loan,
    OperationKind,
    PendingDelivery,
    Postponed,
    Settlement,
)
from providers.journal.sqlite.ledger import Ledger
from providers.journal.sqlite.rows import ENTRY, to_state

# The first column of a delivery's key stands with its operation.
_KEY = "user_id = (SELECT o.user_id FROM operations AS o WHERE o.seq = ?) AND seq = ? AND provider = ?"


class Signs(Struct, frozen=True):
    """By what it can be told that something may be due.

    `changes` is another value after any commit, by whomever; `now` is the ledger's time, and `next_due` the first
    moment after the one asked about at which a delivery becomes due.
    """

    changes: tuple[int, int]
    now: float
    next_due: float | None


def lease(ledger: Ledger, provider: str, limit: int, seconds: float) -> list[Delivery]:
    """Lend what is due; see `Journal.lease`."""
    now = ledger.now()
    rows = ledger.rows(
        f"""SELECT {ENTRY}, due.failures, due.failed_at, o.appended_at
        FROM deliveries AS due CROSS JOIN operations AS o ON o.seq = due.seq
        WHERE due.provider = ? AND due.due_at <= ? ORDER BY due.due_at, due.seq LIMIT ?""",  # noqa: S608 - a constant
        (provider, now, min(limit, MAX_LEASED)),
    )
    ledger.connection.executemany(
        "UPDATE deliveries SET due_at = ? WHERE user_id = ? AND seq = ? AND provider = ?",
        [(now + seconds, row[2], row[0], provider) for row in rows],
    )
    return [
        Delivery(
            seq=row[0],
            provider=provider,
            kind=OperationKind(row[1]),
            state=to_state(row),
            appended_at=row[14],
            until=now + seconds,
            failures=row[12],
            failed_at=row[13],
        )
        for row in rows
    ]


def renew(ledger: Ledger, provider: str, loans: Sequence[Loan], seconds: float) -> list[Loan | None]:
    """Keep what is lent; see `Journal.renew`."""
    until = ledger.now() + seconds
    return [
        Loan(loan.user_id, loan.memory_id, until) if _move(ledger, provider, loan, until) else None for loan in loans
    ]


def settle(ledger: Ledger, settlements: Sequence[Settlement]) -> None:
    """Take note of what became of deliveries; see `Journal.settle`."""
    now = ledger.now()
    for settlement in settlements:
        if not _settle(ledger, settlement, now) and settlement.loan is not None:
            delay = settlement.delay if isinstance(settlement, Postponed) else 0.0
            _move(ledger, settlement.provider, settlement.loan, now + delay)


def _settle(ledger: Ledger, settlement: Settlement, now: float) -> bool:
    """Tell whether there was something to settle."""
    key = (settlement.seq, settlement.seq, settlement.provider)
    changed = 0
    match settlement:
        case Done():
            changed = ledger.run(f"DELETE FROM deliveries WHERE {_KEY}", key)  # noqa: S608 - a constant
        case Postponed(delay=delay, error=error, counts=counts):
            changed = ledger.run(
                f"""UPDATE deliveries SET due_at = ?, failures = failures + ?, failed_at = ?, error = ?
                WHERE {_KEY} AND due_at IS NOT NULL""",  # noqa: S608 - a constant
                (now + delay, counts, now, error, *key),
            )
        case Dead(error=error):
            changed = ledger.run(
                f"""UPDATE deliveries SET due_at = NULL, failures = failures + 1, failed_at = ?, error = ?
                WHERE {_KEY} AND due_at IS NOT NULL""",  # noqa: S608 - a constant
                (now, error, *key),
            )
    return changed > 0


def _move(ledger: Ledger, provider: str, loan: Loan, due_at: float) -> bool:
    """Have a lent delivery come back at another moment; False if there is none that is not lent to others.

    What has replaced it would come back at the same moment, unless it was lent since, and is taken for it.
    """
    moved = ledger.run(
        """UPDATE deliveries SET due_at = ? WHERE user_id = ? AND provider = ? AND due_at = ? AND seq = (
            SELECT o.seq FROM operations AS o WHERE o.user_id = ? AND o.memory_id = ?
        )""",
        (due_at, loan.user_id, provider, loan.until, loan.user_id, loan.memory_id),
    )
    return moved > 0


def look(ledger: Ledger, since: float | None) -> Signs:
    """See whether something may have become due; `since` is None for this moment."""
    [version] = ledger.rows("PRAGMA data_version")
    now = ledger.now()
    [next_due] = ledger.rows(
        """SELECT min((SELECT d.due_at FROM deliveries AS d WHERE d.provider = m.name AND d.due_at > ?
        ORDER BY d.due_at LIMIT 1)) FROM members AS m""",
        (now if since is None else since,),
    )
    # The version tells of commits by other connections, the count of those by this one, if it also writes.
    return Signs((version[0], ledger.connection.total_changes), now, next_due[0])


def pending(ledger: Ledger, limit: int, provider: str | None, after: int) -> list[PendingDelivery]:
    """Give what is still to be delivered; see `Journal.pending`."""
    asked = "d.due_at IS NOT NULL AND (:provider IS NULL OR d.provider = :provider)"
    rows = ledger.connection.execute(
        f"""SELECT d.seq, d.provider, o.kind, o.user_id, o.memory_id, d.error, d.failures, o.appended_at, d.due_at
        FROM operations AS o JOIN deliveries AS d ON d.user_id = o.user_id AND d.seq = o.seq
        WHERE {asked} AND o.seq IN (
            SELECT x.seq FROM operations AS x WHERE x.seq > :after AND EXISTS (
                SELECT 1 FROM deliveries AS d WHERE d.user_id = x.user_id AND d.seq = x.seq AND {asked}
            ) ORDER BY x.seq LIMIT :limit
        ) ORDER BY d.seq, d.provider""",  # noqa: S608 - constants
        {"limit": limit, "provider": provider, "after": after},
    )
    return [
        PendingDelivery(
            seq=row[0],
            provider=row[1],
            kind=OperationKind(row[2]),
            user_id=row[3],
            memory_id=row[4],
            error=row[5],
            failures=row[6],
            appended_at=row[7],
            due_at=row[8],
        )
        for row in rows
    ]


def dead(ledger: Ledger, limit: int, after: int) -> list[DeadLetter]:
    """Give dead letters; see `Journal.dead`."""
    rows = ledger.rows(
        """SELECT d.seq, d.provider, o.kind, o.user_id, o.memory_id, d.error, d.failures, o.appended_at, d.failed_at
        FROM deliveries AS d JOIN operations AS o ON o.seq = d.seq
        WHERE d.due_at IS NULL AND d.seq IN (
            SELECT DISTINCT x.seq FROM deliveries AS x WHERE x.due_at IS NULL AND x.seq > ? ORDER BY x.seq LIMIT ?
        ) ORDER BY d.seq, d.provider""",
        (after, limit),
    )
    return [
        DeadLetter(
            seq=row[0],
            provider=row[1],
            kind=OperationKind(row[2]),
            user_id=row[3],
            memory_id=row[4],
            error=row[5],
            failures=row[6],
            appended_at=row[7],
            failed_at=row[8],
        )
        for row in rows
    ]


def retry(ledger: Ledger, seq: int, provider: str) -> bool:
    """Make a dead letter due; see `Journal.retry`."""
    sql = f"""UPDATE deliveries SET due_at = ?, failures = 0, failed_at = 0, error = ''
        WHERE {_KEY} AND due_at IS NULL"""  # noqa: S608 - a constant
    return ledger.run(sql, (ledger.now(), seq, seq, provider)) > 0


def discard(ledger: Ledger, seq: int, provider: str) -> bool:
    """Drop a dead letter; see `Journal.discard`."""
    return ledger.run(f"DELETE FROM deliveries WHERE {_KEY} AND due_at IS NULL", (seq, seq, provider)) > 0  # noqa: S608 - a constant
