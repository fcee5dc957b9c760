"""Making operations durable, each with a delivery to every member."""

import json
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from providers.errors import OwnerErased, Rejected
from providers.journal.base import MAX_TRACES
from providers.journal.operations import (
    Appended,
    AppendOutcome,
    JournalEntry,
    LeaseToken,
    Operation,
    OperationKind,
    rejection,
)
from providers.journal.sqlite import erasing, older_edits, superseding
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.operations_table import to_entry
from providers.owners import Owner
from providers.retention import is_version


class Recipients(Struct, frozen=True):
    """The members that get deliveries; those to `held` are leased for `seconds`, and the `keepers` keep history."""

    members: Sequence[str]
    keepers: Sequence[str]
    held: str | None
    seconds: float


def newest(connection: JournalConnection, owner: Owner, memory_id: str) -> JournalEntry | None:
    """Return what is known of one memory; see `Journal.newest`."""
    row = connection.row(connection.operations.newest, (owner.key, memory_id))
    return None if row is None else to_entry(row)


def newest_of(connection: JournalConnection, owner: Owner, memory_ids: Sequence[str]) -> dict[str, JournalEntry]:
    """Return what is known of some memories by their ids; see `Journal.newest_of`."""
    rows = connection.rows(connection.operations.newest_of, (owner.key, json.dumps(list(memory_ids))))
    return {entry.state.id: entry for entry in map(to_entry, rows)}


def append(
    connection: JournalConnection, operations: Sequence[Operation], held: str | None, seconds: float
) -> list[Appended | Rejected]:
    """Judge each operation, and append it unless it is known or rejected; see `Journal.append`."""
    members = connection.rows("SELECT name, keeps_history FROM members")
    keepers = [name for name, keeps in members if keeps]
    recipients = Recipients([name for name, _ in members], keepers, held, seconds)
    erased = {user: erasing.version_of(connection, user) for user in {one.state.user_id for one in operations}}
    return [
        _append(connection, one, recipients)
        if one.oldest_version > erased[one.state.user_id]
        else OwnerErased(erased[one.state.user_id])
        for one in operations
    ]


def judge(operation: Operation, known: JournalEntry) -> AppendOutcome:
    """Return the outcome of an operation on a memory that is known."""
    state, kind = operation.state, operation.kind
    if known.kind is OperationKind.DELETE:
        return AppendOutcome.REPEATED if kind is OperationKind.DELETE else AppendOutcome.DELETED
    if kind is OperationKind.REMEMBER:
        return AppendOutcome.REPEATED if known.state.digest == state.digest else AppendOutcome.CONFLICT
    if operation.conditional and known.state.version > operation.base_version:
        return AppendOutcome.OUT_OF_DATE
    return AppendOutcome.APPENDED


def _append(connection: JournalConnection, operation: Operation, recipients: Recipients) -> Appended | Rejected:
    state = operation.state
    known = newest(connection, state.owner, state.id)
    if known is None:
        return _insert(connection, operation, recipients)
    outcome = older_edits.judge(connection, operation, known) or judge(operation, known)
    rejected = rejection(outcome, state.id)
    if rejected is not None:
        return rejected
    if outcome is AppendOutcome.REPEATED:
        return Appended(entry=_renewed_if_trace(connection, known), repeated=True, former=known.state)
    if recipients.keepers and operation.kind is not OperationKind.DELETE and is_version(known.state, state):
        had = superseding.keep(connection, known, recipients.keepers)
    else:
        had = _drop_deliveries(connection, known)
    # The row is removed and not only marked, because nothing may stay of a deleted memory.
    _delete_row(connection, known.seq)
    busy = {provider: due_at for provider, due_at in had if due_at is not None}
    appended = _insert(connection, replace(operation, trace=False), recipients, busy)
    return replace(appended, former=known.state)


def _insert(
    connection: JournalConnection,
    operation: Operation,
    recipients: Recipients,
    busy: dict[str, float] | None = None,
) -> Appended:
    """Insert an operation and its deliveries; a provider that is `busy` with a former delivery gets it after that."""
    state, now, free_at = operation.state, connection.now(), busy or {}
    members, held, seconds = recipients.members, recipients.held, recipients.seconds
    seq = _insert_row(connection, operation, now)
    older_edits.note(connection, operation, now)
    if operation.trace:
        _limit_traces(connection, state.user_id)
        members = ()
    connection.raw.executemany(
        "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at) VALUES (?, ?, ?, ?, ?)",
        [
            (state.user_id, seq, name, now + seconds if name == held else max(now, free_at.get(name, now)), now)
            for name in members
        ],
    )
    lease = LeaseToken(state.user_id, state.id, now + seconds) if held in members else None
    return Appended(
        entry=JournalEntry(seq=seq, kind=operation.kind, state=state, pending=frozenset(members), lease=lease)
    )


def _insert_row(connection: JournalConnection, operation: Operation, now: float) -> int:
    table = connection.operations
    [(seq,)] = connection.rows(table.insert, table.to_row(operation, now))
    return int(seq)


def _renewed_if_trace(connection: JournalConnection, known: JournalEntry) -> JournalEntry:
    """Start the age of a repeated trace anew; an entry that is no trace stays as it is."""
    sql = "SELECT 1 FROM operations WHERE seq = ? AND trace = 1"
    if known.pending or not connection.rows(sql, (known.seq,)):
        return known
    _delete_row(connection, known.seq)
    again = Operation(kind=known.kind, state=known.state, trace=True)
    return replace(known, seq=_insert_row(connection, again, connection.now()))


def _limit_traces(connection: JournalConnection, user_id: str) -> None:
    """Drop the oldest traces of a user who has too many."""
    # A trace may have a delivery: a version that does not know traces has made it. It is kept until it is confirmed.
    connection.run(
        """DELETE FROM operations AS o WHERE o.seq IN (
            SELECT t.seq FROM operations AS t INDEXED BY traces_of_user WHERE t.user_id = ? AND t.trace = 1
            ORDER BY t.seq DESC LIMIT -1 OFFSET ?
        ) AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.user_id = o.user_id AND d.seq = o.seq)""",
        (user_id, MAX_TRACES),
    )


def _drop_deliveries(connection: JournalConnection, known: JournalEntry) -> list[tuple[str, float | None]]:
    """Drop the deliveries of an operation; return of which provider each one was, and when it was due."""
    return [
        (provider, due_at)
        for provider, due_at in connection.rows(
            "DELETE FROM deliveries WHERE user_id = ? AND seq = ? RETURNING provider, due_at",
            (known.state.user_id, known.seq),
        )
    ]


def _delete_row(connection: JournalConnection, seq: int) -> None:
    connection.run("DELETE FROM operations WHERE seq = ?", (seq,))
