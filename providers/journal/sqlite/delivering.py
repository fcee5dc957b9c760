"""Leasing deliveries, and recording their results."""

from collections.abc import Sequence

from providers.journal.base import MAX_LEASED
from providers.journal.operations import HELD, Dead, Delivery, Done, Held, LeaseToken, Postponed, Settlement
from providers.journal.rows import to_delivery
from providers.journal.sqlite import superseding
from providers.journal.sqlite.connection import JournalConnection

# The first column of a delivery's key stands with its operation.
KEY = "user_id = (SELECT o.user_id FROM operations AS o WHERE o.seq = ?) AND seq = ? AND provider = ?"


def lease(connection: JournalConnection, provider: str, limit: int, seconds: float) -> list[Delivery]:
    """Lease the deliveries that are due; see `Journal.lease`."""
    now = connection.now()
    until = now + seconds
    rows = connection.rows(
        f"""SELECT due.seq, due.provider, coalesce(s.kind, o.kind), coalesce(s.state, {connection.operations.state}),
            coalesce(s.appended_at, o.appended_at), ?, due.failures, due.failed_at, due.error, s.seq IS NOT NULL
        FROM deliveries AS due LEFT JOIN operations AS o ON o.seq = due.seq LEFT JOIN superseded AS s ON s.seq = due.seq
        WHERE due.provider = ? AND due.due_at <= ? AND coalesce(o.seq, s.seq) IS NOT NULL
        ORDER BY due.due_at, due.seq LIMIT ?""",  # noqa: S608 - names of columns
        (until, provider, now, min(limit, MAX_LEASED)),
    )
    deliveries = [to_delivery(row) for row in rows]
    connection.raw.executemany(
        "UPDATE deliveries SET due_at = ? WHERE user_id = ? AND seq = ? AND provider = ?",
        [(until, delivery.state.user_id, delivery.seq, provider) for delivery in deliveries],
    )
    return deliveries


def renew(
    connection: JournalConnection, provider: str, leases: Sequence[LeaseToken], seconds: float
) -> list[LeaseToken | None]:
    """Extend leases; see `Journal.renew`."""
    until = connection.now() + seconds
    # Two deliveries of one memory may have the same lease.
    held = {lease: _move(connection, provider, lease, until) for lease in dict.fromkeys(leases)}
    return [LeaseToken(lease.user_id, lease.memory_id, until) if held[lease] else None for lease in leases]


def settle(connection: JournalConnection, settlements: Sequence[Settlement]) -> None:
    """Record the results of deliveries; see `Journal.settle`."""
    now = connection.now()
    for settlement in settlements:
        if _settle(connection, settlement, now, KEY):
            continue
        _settle(connection, settlement, now, superseding.KEY)
        if settlement.lease is not None:
            delay = settlement.delay if isinstance(settlement, Postponed) else 0.0
            _move(connection, settlement.provider, settlement.lease, now + delay)


def _settle(connection: JournalConnection, settlement: Settlement, now: float, where: str) -> bool:
    """Record one result; return False if there is no such delivery."""
    key = (settlement.seq, settlement.seq, settlement.provider)
    if isinstance(settlement, Done):
        return connection.run(f"DELETE FROM deliveries WHERE {where}", key) > 0  # noqa: S608 - a constant
    if isinstance(settlement, Held):
        due_at = now + settlement.delay
        sql = f"UPDATE deliveries SET due_at = ?, made_at = ?, failed_at = ?, error = ? WHERE {where}"  # noqa: S608 - a constant
        return connection.run(sql, (due_at, due_at, now, HELD, *key)) > 0
    due, failures = (None, 1) if isinstance(settlement, Dead) else (now + settlement.delay, settlement.counts)
    sql = f"""UPDATE deliveries SET due_at = ?, failures = failures + ?, failed_at = ?, error = ?
        WHERE {where} AND due_at IS NOT NULL"""  # noqa: S608 - a constant
    return connection.run(sql, (due, failures, now, settlement.error, *key)) > 0


def _move(connection: JournalConnection, provider: str, lease: LeaseToken, due_at: float) -> bool:
    """Move the end of a lease to another moment; return False if the caller does not hold it any more.

    Deliveries that have replaced the leased one are due at the same moment, unless they have been leased since, and are
    treated as the leased one.
    """
    moved = connection.run(
        """UPDATE deliveries SET due_at = ? WHERE user_id = ? AND provider = ? AND due_at = ? AND seq IN (
            SELECT o.seq FROM operations AS o WHERE o.user_id = ? AND o.memory_id = ?
            UNION ALL SELECT s.seq FROM superseded AS s WHERE s.user_id = ? AND s.memory_id = ?
        )""",
        (due_at, lease.user_id, provider, lease.until, *(lease.user_id, lease.memory_id) * 2),
    )
    return moved > 0
