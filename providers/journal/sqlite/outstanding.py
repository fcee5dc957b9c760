"""What is still to be delivered: pending deliveries and dead letters, as an operator sees and handles them."""

from providers.journal.operations import DeadLetter, PendingDelivery
from providers.journal.rows import DISCARDED, to_dead_letter, to_value
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.delivering import KEY

_DELIVERY = "d.seq, d.provider, o.kind, o.user_id, o.memory_id, d.error, d.failures, o.appended_at"


def pending(
    connection: JournalConnection, limit: int, *, provider: str | None = None, after: int = 0
) -> list[PendingDelivery]:
    """Return the outstanding deliveries; see `Journal.pending`."""
    asked = "d.due_at IS NOT NULL AND (:provider IS NULL OR d.provider = :provider)"
    rows = connection.raw.execute(
        f"""SELECT {_DELIVERY}, d.due_at
        FROM operations AS o JOIN deliveries AS d ON d.user_id = o.user_id AND d.seq = o.seq
        WHERE {asked} AND o.seq IN (
            SELECT x.seq FROM operations AS x WHERE x.seq > :after AND EXISTS (
                SELECT 1 FROM deliveries AS d WHERE d.user_id = x.user_id AND d.seq = x.seq AND {asked}
            ) ORDER BY x.seq LIMIT :limit
        ) ORDER BY d.seq, d.provider""",  # noqa: S608 - constants
        {"limit": limit, "provider": provider, "after": after},
    )
    return [to_value(PendingDelivery, row) for row in rows]


def dead(connection: JournalConnection, limit: int, *, after: int = 0) -> list[DeadLetter]:
    """Return dead letters; see `Journal.dead`."""
    rows = connection.rows(
        f"""SELECT {_DELIVERY}, d.failed_at
        FROM deliveries AS d JOIN operations AS o ON o.seq = d.seq
        WHERE d.due_at IS NULL AND d.seq IN (
            SELECT DISTINCT x.seq FROM deliveries AS x WHERE x.due_at IS NULL AND x.seq > ? ORDER BY x.seq LIMIT ?
        ) ORDER BY d.seq, d.provider""",  # noqa: S608 - a constant
        (after, limit),
    )
    return [to_dead_letter(row) for row in rows]


def retry(connection: JournalConnection, seq: int, provider: str) -> bool:
    """Make a dead letter due; see `Journal.retry`."""
    sql = f"""UPDATE deliveries SET due_at = ?, failures = 0, failed_at = 0, error = ''
        WHERE {KEY} AND due_at IS NULL"""  # noqa: S608 - a constant
    return connection.run(sql, (connection.now(), seq, seq, provider)) > 0


def discard(connection: JournalConnection, seq: int, provider: str) -> bool:
    """Give up a dead letter; see `Journal.discard`."""
    sql = f"UPDATE deliveries SET failures = {DISCARDED} WHERE {KEY} AND due_at IS NULL AND failures <> {DISCARDED}"  # noqa: S608 - constants
    return connection.run(sql, (seq, seq, provider)) > 0
