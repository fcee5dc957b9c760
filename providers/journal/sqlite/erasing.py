"""Erasures in the journal's file: what is written down of them, their fences, and the removal of what it holds."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from providers.erasure.fences import NEVER_ERASED, Fence, hash_of
from providers.erasure.receipts import ErasedInJournal, Erasure
from providers.erasure.records import MAX_FENCES, Fences
from providers.journal.rows import Row
from providers.journal.sqlite.connection import JournalConnection

TABLES = (
    # A fence that is raised gets a new number, so that whoever follows the list meets it once more.
    """CREATE TABLE fences (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL,
        hash TEXT NOT NULL,
        version INTEGER NOT NULL,
        erased_at REAL NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX fences_of_owner ON fences (hash, key)",
    "CREATE TABLE fence_keys (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    """CREATE TABLE erasures (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        requested_at REAL NOT NULL,
        body TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX erasures_of_owner ON erasures (owner) WHERE owner <> ''",
)

_decode = msgspec.json.Decoder(Erasure).decode


def fences(connection: JournalConnection, after: int = 0) -> Fences:
    """Return fences behind a number; see `ErasureRecords.fences`."""
    rows = connection.rows(
        "SELECT number, key, hash, version, erased_at FROM fences WHERE number > ? ORDER BY number LIMIT ?",
        (after, MAX_FENCES),
    )
    found = [Fence(key=key, hash=owner, version=version, erased_at=at) for _, key, owner, version, at in rows]
    return Fences(found, rows[-1][0] if rows else after)


def version_of(connection: JournalConnection, owner_key: str) -> int:
    """Return up to which version an owner was erased, `NEVER_ERASED` for one who was not."""
    hashes = [hash_of(key, owner_key) for (key,) in connection.rows("SELECT key FROM fence_keys")]
    versions = [connection.row("SELECT max(version) FROM fences WHERE hash = ?", (one,)) for one in hashes]
    return max((row[0] for row in versions if row is not None and row[0] is not None), default=NEVER_ERASED)


def add_fences(connection: JournalConnection, fences: Sequence[Fence]) -> None:
    """Add fences; see `ErasureRecords.add_fences`."""
    for fence in fences:
        connection.run("INSERT OR IGNORE INTO fence_keys (key) VALUES (?)", (fence.key,))
        known = connection.row("SELECT version FROM fences WHERE hash = ? AND key = ?", (fence.hash, fence.key))
        if known is not None and known[0] >= fence.version:
            continue
        connection.run("DELETE FROM fences WHERE hash = ? AND key = ?", (fence.hash, fence.key))
        connection.run(
            "INSERT INTO fences (key, hash, version, erased_at) VALUES (?, ?, ?, ?)",
            (fence.key, fence.hash, fence.version, fence.erased_at),
        )


def begin(connection: JournalConnection, erasure: Erasure) -> Erasure:
    """Write an erasure down; see `ErasureRecords.begin_erasure`."""
    for (body,) in connection.rows("SELECT body FROM erasures WHERE owner = ? ORDER BY number DESC", (erasure.owner,)):
        known = _decode(body)
        if known.finished_at is None:
            return _noted(connection, replace(known, again=known.again + 1))
    begun = replace(erasure, requested_at=connection.now())
    connection.run(
        "INSERT INTO erasures (id, owner, requested_at, body) VALUES (?, ?, ?, ?)",
        (begun.id, begun.owner, begun.requested_at, _encode(begun)),
    )
    return begun


def fence(connection: JournalConnection, erasure: Erasure, key: str) -> Erasure:
    """Put the fence of an erasure; see `ErasureRecords.fence`."""
    owner = erasure.owner
    row = connection.row(  # the tombstone of the newest is one above it
        """SELECT max(version) + 1 FROM (
            SELECT version FROM operations WHERE user_id = ?1 UNION ALL
            SELECT version FROM superseded WHERE user_id = ?1
        )""",
        (owner,),
    )
    version = max(erasure.version, 0 if row is None else row[0] or 0)
    fenced = replace(erasure, version=version, hash=hash_of(key, owner))
    add_fences(connection, [Fence(key=key, hash=fenced.hash, version=version, erased_at=connection.now())])
    return _noted(connection, fenced)


def note(connection: JournalConnection, erasure: Erasure) -> None:
    """Replace what is written down; see `ErasureRecords.note_erasure`."""
    _noted(connection, erasure)


def erasure(connection: JournalConnection, erasure_id: str) -> Erasure | None:
    """Return one erasure; see `ErasureRecords.erasure`."""
    row = connection.row("SELECT body FROM erasures WHERE id = ?", (erasure_id,))
    return None if row is None else _decode(row[0])


def erasures(connection: JournalConnection, limit: int, *, open_only: bool = False) -> list[Erasure]:
    """Return the newest erasures; see `ErasureRecords.erasures`."""
    which = "owner <> ''" if open_only else "true"
    rows = connection.rows(f"SELECT body FROM erasures WHERE {which} ORDER BY number DESC LIMIT ?", (limit,))  # noqa: S608 - constants
    return [_decode(body) for (body,) in rows]


def purge(connection: JournalConnection, owner_key: str, version: int) -> ErasedInJournal:
    """Remove what the journal holds of an owner; see `ErasureRecords.purge`."""
    upto = (owner_key, version)
    of_owner = "user_id = ?1 AND version <= ?2"
    seqs = f"SELECT seq FROM operations WHERE {of_owner} UNION ALL SELECT seq FROM superseded WHERE {of_owner}"  # noqa: S608 - constants
    [dead] = _counted(connection, f"user_id = ?1 AND seq IN ({seqs}) AND due_at IS NULL", upto)
    deliveries = connection.run(f"DELETE FROM deliveries WHERE user_id = ?1 AND seq IN ({seqs})", upto)  # noqa: S608 - constants
    notes = connection.run(
        """DELETE FROM older_edits WHERE user_id = ?1 AND memory_id NOT IN (
            SELECT memory_id FROM operations WHERE user_id = ?1 AND version > ?2
        )""",
        upto,
    )
    connection.run("DELETE FROM webhooks WHERE user_id = ?", (owner_key,))
    versions = connection.run(f"DELETE FROM superseded WHERE {of_owner}", upto)  # noqa: S608 - constants
    operations = connection.run(f"DELETE FROM operations WHERE {of_owner}", upto)  # noqa: S608 - constants
    return ErasedInJournal(
        operations=operations, versions=versions, notes=notes, deliveries=deliveries - dead, dead_letters=dead
    )


def empty_log(connection: JournalConnection) -> None:
    """Write the log back into the file and empty it: until then it holds what the file has no more.

    A log that another process reads just then stays, and the next look at the erasure empties it.
    """
    with suppress(sqlite3.OperationalError):  # what it is about is committed, and must be told
        connection.rows("PRAGMA wal_checkpoint(PASSIVE)")  # most of the work, without keeping anybody waiting
        connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def drop(connection: JournalConnection, seconds: float) -> int:
    """Drop what is too old; see `ErasureRecords.drop_erasures`."""
    before = connection.clock.before(seconds)
    connection.run("DELETE FROM erasures WHERE owner = '' AND requested_at < ?", (before,))
    dropped = connection.run("DELETE FROM fences WHERE erased_at < ?", (before,))
    connection.run("DELETE FROM fence_keys WHERE key NOT IN (SELECT key FROM fences)")
    return dropped


def _noted(connection: JournalConnection, told: Erasure) -> Erasure:
    known = erasure(connection, told.id)
    noted = told if known is None else told.noted_over(known)
    connection.run("UPDATE erasures SET owner = ?, body = ? WHERE id = ?", (noted.owner, _encode(noted), noted.id))
    return noted


def _counted(connection: JournalConnection, where: str, values: tuple[str, int]) -> Row:
    [row] = connection.rows(f"SELECT count(*) FROM deliveries WHERE {where}", values)  # noqa: S608 - constants
    return row


def _encode(one: Erasure) -> str:
    return msgspec.json.encode(one).decode()
