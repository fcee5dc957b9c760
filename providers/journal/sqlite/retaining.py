"""What the journal still knows, and when it may forget it."""

import json
from collections.abc import Sequence

from msgspec import Struct

from providers.journal.operations import Backlog, Entry, JournalStatus
from providers.journal.sqlite.ledger import Ledger
from providers.journal.sqlite.rows import ENTRY, to_entry

_CONFIRMED = "NOT EXISTS (SELECT 1 FROM deliveries AS c WHERE c.user_id = o.user_id AND c.seq = o.seq)"


class Place(Struct, frozen=True):
    """How far a walk through the operations, from the oldest on, has come."""

    appended_at: float
    seq: int


START = Place(float("-inf"), 0)


class Pruned(Struct, frozen=True):
    """What one step of a walk has dropped; `reached` is None at its end."""

    dropped: int
    reached: Place | None


def entries(ledger: Ledger, user_id: str, provider: str, limit: int, tombstones: int) -> list[Entry]:
    """Give what a provider has not confirmed, and tombstones; see `Journal.entries`."""
    rows = ledger.rows(
        f"""SELECT {ENTRY} FROM (
            SELECT p.seq FROM deliveries AS p WHERE p.user_id = ?1 AND p.provider = ?2 ORDER BY p.seq DESC LIMIT ?3
        ) AS pending CROSS JOIN operations AS o ON o.seq = pending.seq
        UNION ALL SELECT {ENTRY} FROM (
            SELECT t.seq FROM operations AS t INDEXED BY tombstones_of_user
            WHERE t.user_id = ?1 AND t.kind = 'delete' AND NOT EXISTS (
                SELECT 1 FROM deliveries AS p WHERE p.user_id = ?1 AND p.seq = t.seq AND p.provider = ?2
            ) ORDER BY t.seq DESC LIMIT ?4
        ) AS graves CROSS JOIN operations AS o ON o.seq = graves.seq
        ORDER BY 1 DESC""",  # noqa: S608 - a constant
        (user_id, provider, limit, tombstones),
    )
    return [to_entry(row) for row in rows]


def deleted(ledger: Ledger, user_id: str, memory_ids: Sequence[str]) -> set[str]:
    """Give those of which there is a tombstone; see `Journal.deleted`."""
    rows = ledger.rows(
        """SELECT memory_id FROM operations
        WHERE user_id = ? AND memory_id IN (SELECT value FROM json_each(?)) AND kind = 'delete'""",
        (user_id, json.dumps(list(memory_ids))),
    )
    return {memory_id for [memory_id] in rows}


def prune(ledger: Ledger, seconds: float, start: Place, limit: int) -> Pruned:
    """Look at up to `limit` operations that are not younger than this, and drop those that everybody confirmed."""
    rows = ledger.rows(
        f"""SELECT o.appended_at, o.seq, {_CONFIRMED} FROM operations AS o INDEXED BY operations_by_age
        WHERE o.kind <> 'delete' AND (o.appended_at, o.seq) > (?, ?) AND o.appended_at <= ?
        ORDER BY o.appended_at, o.seq LIMIT ?""",  # noqa: S608 - a constant
        (start.appended_at, start.seq, ledger.now() - seconds, limit),
    )
    done = [(seq,) for _, seq, confirmed in rows if confirmed]
    ledger.connection.executemany("DELETE FROM operations WHERE seq = ?", done)
    return Pruned(len(done), Place(*rows[-1][:2]) if len(rows) == limit else None)


def tombstones(ledger: Ledger, limit: int, seconds: float, after: int) -> list[Entry]:
    """Give tombstones that everybody confirmed; see `Journal.tombstones`."""
    rows = ledger.rows(
        f"""SELECT {ENTRY} FROM operations AS o INDEXED BY tombstones
        WHERE o.kind = 'delete' AND o.seq > ? AND o.appended_at <= ? AND {_CONFIRMED} ORDER BY o.seq LIMIT ?""",  # noqa: S608 - a constant
        (after, ledger.now() - seconds, limit),
    )
    return [to_entry(row) for row in rows]


def redeliver(ledger: Ledger, seq: int, provider: str) -> None:
    """Make a tombstone due again; see `Journal.redeliver`."""
    now = ledger.now()
    ledger.run("UPDATE operations SET trace = 0 WHERE seq = ? AND trace = 1", (seq,))
    ledger.run(
        """INSERT INTO deliveries (user_id, seq, provider, due_at, made_at)
        SELECT o.user_id, o.seq, m.name, ?, ? FROM operations AS o JOIN members AS m
        WHERE o.seq = ? AND o.kind = 'delete' AND m.name = ? ON CONFLICT DO NOTHING""",
        (now, now, seq, provider),
    )


def forget(ledger: Ledger, seqs: Sequence[int], *, traces: bool) -> None:
    """Drop tombstones without a delivery; see `Journal.forget`."""
    ledger.connection.executemany(
        f"DELETE FROM operations AS o WHERE o.seq = ? AND o.kind = 'delete' AND o.trace >= ? AND {_CONFIRMED}",  # noqa: S608 - a constant
        [(seq, traces) for seq in seqs],
    )


def newest_version(ledger: Ledger) -> int:
    """Look for the greatest version; see `Journal.newest_version`."""
    [(version,)] = ledger.rows("SELECT coalesce(max(version), 0) FROM operations")
    return int(version)


def status(ledger: Ledger) -> JournalStatus:
    """Count; see `Journal.status`."""
    with ledger.snapshot():
        now = ledger.now()
        [(operations, tombstones, last_seq)] = ledger.rows(
            """SELECT (SELECT count(*) FROM operations), (SELECT count(*) FROM operations WHERE kind = 'delete'),
            coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'operations'), 0)"""
        )
        backlogs = ledger.rows(
            """SELECT m.name, count(d.due_at), count(d.seq) - count(d.due_at),
                min(CASE WHEN d.due_at IS NOT NULL THEN d.made_at END)
            FROM members AS m LEFT JOIN deliveries AS d ON d.provider = m.name GROUP BY m.place ORDER BY m.place"""
        )
    return JournalStatus(
        operations=operations,
        tombstones=tombstones,
        last_seq=last_seq,
        backlogs=tuple(
            Backlog(
                provider=name, pending=pending, dead=dead, oldest_seconds=0.0 if made is None else max(now - made, 0.0)
            )
            for name, pending, dead, made in backlogs
        ),
    )
