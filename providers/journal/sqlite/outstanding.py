"""What is still to be delivered: pending deliveries and dead letters, as an operator sees and handles them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from providers.journal.operations import DeadLetter, PendingDelivery
from providers.journal.rows import DISCARDED, Row, to_dead_letter, to_pending
from providers.journal.sqlite import superseding
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.delivering import KEY
from providers.owners import Owner

_DELIVERY = "d.seq, d.provider, o.kind, o.user_id, o.memory_id, d.error, d.failures, o.appended_at"


_TABLES = ("operations", "superseded")


def pending(
    connection: JournalConnection, limit: int, *, provider: str | None = None, after: int = 0
) -> list[PendingDelivery]:
    """Return the outstanding deliveries; see `Journal.pending`."""
    asked = "d.due_at IS NOT NULL AND (:provider IS NULL OR d.provider = :provider)"
    values = {"limit": limit, "provider": provider, "after": after}
    return [to_pending(row) for row in _oldest(connection, "d.due_at", asked, values)]


def undelivered(connection: JournalConnection, owner: Owner, memory_id: str) -> dict[int, frozenset[str]]:
    """Return where the versions of one memory are to be delivered; see `KnownMemories.undelivered`."""
    sql = " UNION ALL ".join(
        f"""SELECT o.version, d.provider FROM {table} AS o
        JOIN deliveries AS d ON d.user_id = o.user_id AND d.seq = o.seq
        WHERE o.user_id = ?1 AND o.memory_id = ?2 AND d.due_at IS NOT NULL"""  # noqa: S608 - a constant
        for table in _TABLES
    )
    found: defaultdict[int, set[str]] = defaultdict(set)
    for version, provider in connection.rows(sql, (owner.key, memory_id)):
        found[version].add(provider)
    return {version: frozenset(providers) for version, providers in found.items()}


def dead(connection: JournalConnection, limit: int, *, after: int = 0) -> list[DeadLetter]:
    """Return dead letters; see `Journal.dead`."""
    rows = _oldest(connection, "d.failed_at", "d.due_at IS NULL", {"limit": limit, "after": after})
    return [to_dead_letter(row) for row in rows]


def retry(connection: JournalConnection, seq: int, provider: str) -> bool:
    """Make a dead letter due; see `Journal.retry`."""
    change = "UPDATE deliveries SET due_at = ?, failures = 0, failed_at = 0, error = '' WHERE due_at IS NULL"
    values = (connection.now(), seq, seq, provider)
    return any(connection.run(f"{change} AND {key}", values) > 0 for key in (KEY, superseding.KEY))


def discard(connection: JournalConnection, seq: int, provider: str) -> bool:
    """Give up a dead letter; see `Journal.discard`."""
    gone = connection.run(
        f"DELETE FROM deliveries WHERE {superseding.KEY} AND due_at IS NULL",  # noqa: S608 - a constant
        (seq, seq, provider),
    )
    sql = f"UPDATE deliveries SET failures = {DISCARDED} WHERE {KEY} AND due_at IS NULL AND failures <> {DISCARDED}"  # noqa: S608 - constants
    return gone > 0 or connection.run(sql, (seq, seq, provider)) > 0


def _oldest(connection: JournalConnection, moment: str, asked: str, values: Mapping[str, Any]) -> list[Row]:
    """Return the deliveries that are `asked` for, those of the oldest operations and superseded versions."""
    with connection.snapshot():
        rows = [row for table in _TABLES for row in connection.raw.execute(_listing(table, moment, asked), values)]
    seqs = {row[0] for row in rows}
    last = sorted(seqs)[: values["limit"]][-1:]
    return sorted(row for row in rows if last and row[0] <= last[0])


def _listing(table: str, moment: str, asked: str) -> str:
    # The ascending scan of the table ends as soon as enough is found.
    return f"""SELECT {_DELIVERY}, {moment}
        FROM {table} AS o JOIN deliveries AS d ON d.user_id = o.user_id AND d.seq = o.seq
        WHERE {asked} AND o.seq IN (
            SELECT x.seq FROM {table} AS x WHERE x.seq > :after AND EXISTS (
                SELECT 1 FROM deliveries AS d WHERE d.user_id = x.user_id AND d.seq = x.seq AND {asked}
            ) ORDER BY x.seq LIMIT :limit
        )"""  # noqa: S608 - constants
