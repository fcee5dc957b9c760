"""Retention: the operations that the journal still knows, and when it drops them."""

import json
from collections.abc import Sequence

from msgspec import Struct

from providers.journal.operations import JournalEntry, JournalStatus
from providers.journal.rows import DISCARDED, to_status
from providers.journal.sqlite import older_edits
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.operations_table import to_entry
from providers.owners import Owner

_CONFIRMED = "NOT EXISTS (SELECT 1 FROM deliveries AS c WHERE c.user_id = o.user_id AND c.seq = o.seq)"


class Place(Struct, frozen=True):
    """The position of a scan through the operations, which starts at the oldest one."""

    appended_at: float
    seq: int


START = Place(float("-inf"), 0)


class Pruned(Struct, frozen=True):
    """The result of one step of a scan: the number of operations dropped; `reached` is None at the end."""

    dropped: int
    reached: Place | None


def entries(
    connection: JournalConnection, owner: Owner, provider: str, limit: int, tombstones: int
) -> list[JournalEntry]:
    """Return what takes precedence over a provider's own state; see `Journal.entries`."""
    entry = connection.operations.entry
    rows = connection.rows(
        f"""SELECT {entry} FROM (
            SELECT p.seq FROM deliveries AS p CROSS JOIN operations AS x ON x.seq = p.seq
            WHERE p.user_id = ?1 AND p.provider = ?2 ORDER BY p.seq DESC LIMIT ?3
        ) AS pending CROSS JOIN operations AS o ON o.seq = pending.seq
        UNION ALL SELECT {entry} FROM (
            SELECT t.seq FROM operations AS t INDEXED BY tombstones_of_user
            WHERE t.user_id = ?1 AND t.kind = 'delete' AND NOT EXISTS (
                SELECT 1 FROM deliveries AS p WHERE p.user_id = ?1 AND p.seq = t.seq AND p.provider = ?2
            ) ORDER BY t.seq DESC LIMIT ?4
        ) AS tombstones CROSS JOIN operations AS o ON o.seq = tombstones.seq
        ORDER BY 1 DESC""",  # noqa: S608 - names of columns
        (owner.key, provider, limit, tombstones),
    )
    return [to_entry(row) for row in rows]


def deleted(connection: JournalConnection, owner: Owner, memory_ids: Sequence[str]) -> set[str]:
    """Return those that have a tombstone; see `Journal.deleted`."""
    rows = connection.rows(
        """SELECT memory_id FROM operations
        WHERE user_id = ? AND memory_id IN (SELECT value FROM json_each(?)) AND kind = 'delete'""",
        (owner.key, json.dumps(list(memory_ids))),
    )
    return {memory_id for [memory_id] in rows}


def prune(connection: JournalConnection, seconds: float, start: Place, limit: int) -> Pruned:
    """Check up to `limit` operations that are at least this old, and drop those that every member has confirmed."""
    rows = connection.rows(
        f"""SELECT o.appended_at, o.seq, {_CONFIRMED} FROM operations AS o INDEXED BY operations_by_age
        WHERE o.kind <> 'delete' AND (o.appended_at, o.seq) > (?, ?) AND o.appended_at <= ?
        ORDER BY o.appended_at, o.seq LIMIT ?""",  # noqa: S608 - a constant
        (start.appended_at, start.seq, connection.clock.before(seconds), limit),
    )
    done = [(seq,) for _, seq, confirmed in rows if confirmed]
    older_edits.drop_of(connection, [seq for (seq,) in done])
    connection.raw.executemany("DELETE FROM operations WHERE seq = ?", done)
    return Pruned(len(done), Place(*rows[-1][:2]) if len(rows) == limit else None)


def tombstones(connection: JournalConnection, limit: int, seconds: float, *, after: int = 0) -> list[JournalEntry]:
    """Return tombstones that every member has confirmed; see `Journal.tombstones`."""
    rows = connection.rows(
        f"""SELECT {connection.operations.entry} FROM operations AS o INDEXED BY tombstones
        WHERE o.kind = 'delete' AND o.seq > ? AND o.appended_at <= ? AND {_CONFIRMED} ORDER BY o.seq LIMIT ?""",  # noqa: S608 - a constant
        (after, connection.clock.before(seconds), limit),
    )
    return [to_entry(row) for row in rows]


def redeliver(connection: JournalConnection, seq: int, provider: str) -> None:
    """Make a tombstone due again; see `Journal.redeliver`."""
    now = connection.now()
    connection.run("UPDATE operations SET trace = 0 WHERE seq = ? AND trace = 1", (seq,))
    connection.run(
        """INSERT INTO deliveries (user_id, seq, provider, due_at, made_at)
        SELECT o.user_id, o.seq, m.name, ?, ? FROM operations AS o JOIN members AS m
        WHERE o.seq = ? AND o.kind = 'delete' AND m.name = ? ON CONFLICT DO NOTHING""",
        (now, now, seq, provider),
    )


def forget(connection: JournalConnection, seqs: Sequence[int], *, traces: bool = False) -> None:
    """Drop tombstones without a delivery; see `Journal.forget`."""
    connection.raw.executemany(
        f"DELETE FROM operations AS o WHERE o.seq = ? AND o.kind = 'delete' AND o.trace >= ? AND {_CONFIRMED}",  # noqa: S608 - a constant
        [(seq, traces) for seq in seqs],
    )


def moment(connection: JournalConnection) -> float:
    """Return what the journal's clock says; see `Journal.moment`."""
    return connection.now()


def newest_version(connection: JournalConnection, owner: Owner | None = None) -> int:
    """Return the greatest version; see `Journal.newest_version`."""
    chosen, values = ("", ()) if owner is None else (" WHERE user_id = ?1", (owner.key,))
    versions = f"SELECT version FROM operations{chosen} UNION ALL SELECT version FROM superseded{chosen}"  # noqa: S608 - constants
    [(version,)] = connection.rows(f"SELECT coalesce(max(version), 0) FROM ({versions})", values)  # noqa: S608 - as above
    return int(version)


def last_seq(connection: JournalConnection) -> int:
    """Return the greatest number that was ever used; see `Journal.last_seq`."""
    row = connection.row("SELECT seq FROM sqlite_sequence WHERE name = 'operations'")
    return 0 if row is None else int(row[0])


def status(connection: JournalConnection) -> JournalStatus:
    """Count operations and deliveries; see `Journal.status`."""
    with connection.snapshot():
        now = connection.now()
        [counts] = connection.rows(
            """SELECT (SELECT count(*) FROM operations), (SELECT count(*) FROM operations WHERE kind = 'delete'),
            coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'operations'), 0)"""
        )
        backlogs = connection.rows(
            f"""SELECT m.name, count(d.due_at),
                count(d.seq) FILTER (WHERE d.due_at IS NULL AND d.failures <> {DISCARDED}),
                max(?1 - coalesce(min(CASE WHEN d.due_at IS NOT NULL THEN d.made_at END), ?1), 0.0),
                count(d.seq) FILTER (WHERE d.due_at IS NULL AND d.failures = {DISCARDED})
            FROM members AS m LEFT JOIN deliveries AS d ON d.provider = m.name GROUP BY m.place ORDER BY m.place""",  # noqa: S608 - a constant
            (now,),
        )
    return to_status(counts, backlogs)
