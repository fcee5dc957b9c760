"""Making operations durable, each with a delivery to every member."""

from collections.abc import Sequence

from msgspec.structs import replace

from providers.errors import Conflict, MemoryDeleted, Rejected
from providers.journal.base import MAX_TRACES
from providers.journal.operations import Appended, Entry, Loan, Operation, OperationKind, OutOfDate
from providers.journal.sqlite.ledger import Ledger
from providers.journal.sqlite.rows import ENTRY, to_entry, to_row

INSERT = """INSERT INTO operations
    (user_id, memory_id, kind, version, appended_at, created_at, updated_at, digest, edits, metadata, content,
        trace)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq"""

_KNOWN = f"SELECT {ENTRY} FROM operations AS o WHERE o.user_id = ? AND o.memory_id = ?"  # noqa: S608 - a constant


def newest(ledger: Ledger, user_id: str, memory_id: str) -> Entry | None:
    """Give what is known of one memory."""
    row = ledger.row(_KNOWN, (user_id, memory_id))
    return None if row is None else to_entry(row)


def append(
    ledger: Ledger, operations: Sequence[Operation], held: str | None, seconds: float
) -> list[Appended | Rejected]:
    """Judge each operation, and append it unless it is known or refused; see `Journal.append`."""
    members = [str(name) for (name,) in ledger.rows("SELECT name FROM members")]
    return [_append(ledger, operation, members, held, seconds) for operation in operations]


def answer(operation: Operation, known: Entry) -> Appended | Rejected | None:
    """Answer an operation that is not to be appended because of what is known of its memory; None if it is to be."""
    state, kind = operation.state, operation.kind
    repeated = Appended(entry=known, repeated=True, former=known.state)
    if known.kind is OperationKind.DELETE:
        return repeated if kind is OperationKind.DELETE else MemoryDeleted(state.id)
    if kind is OperationKind.REMEMBER:
        return repeated if known.state.digest == state.digest else Conflict(state.id)
    if kind is OperationKind.UPDATE and known.state.version > operation.base_version:
        return OutOfDate(f"memory {state.id} has a newer version")
    return None


def _append(
    ledger: Ledger, operation: Operation, members: Sequence[str], held: str | None, seconds: float
) -> Appended | Rejected:
    state = operation.state
    known = newest(ledger, state.user_id, state.id)
    busy: dict[str, float] = {}
    if known is not None:
        answered = answer(operation, known)
        if answered is not None:
            return _renewed(ledger, answered) if isinstance(answered, Appended) else answered
        busy = _take_away(ledger, known)
        operation = replace(operation, trace=False)
    now = ledger.now()
    [(seq,)] = ledger.rows(INSERT, to_row(operation, now))
    if operation.trace:
        _have_give_way(ledger, state.user_id)
        return Appended(entry=Entry(seq=seq, kind=operation.kind, state=state, pending=frozenset()))
    ledger.connection.executemany(
        "INSERT INTO deliveries (user_id, seq, provider, due_at, made_at) VALUES (?, ?, ?, ?, ?)",
        [
            (state.user_id, seq, name, now + seconds if name == held else max(now, busy.get(name, now)), now)
            for name in members
        ],
    )
    loan = Loan(state.user_id, state.id, now + seconds) if held in members else None
    entry = Entry(seq=seq, kind=operation.kind, state=state, pending=frozenset(members), loan=loan)
    return Appended(entry=entry, former=None if known is None else known.state)


def _renewed(ledger: Ledger, repeated: Appended) -> Appended:
    """Have a trace that was met begin anew; what else was met stays as it is."""
    known = repeated.entry
    if known.pending or not ledger.rows("SELECT 1 FROM operations WHERE seq = ? AND trace = 1", (known.seq,)):
        return repeated
    ledger.run("DELETE FROM operations WHERE seq = ?", (known.seq,))
    again = Operation(kind=known.kind, state=known.state, trace=True)
    [(seq,)] = ledger.rows(INSERT, to_row(again, ledger.now()))
    return replace(repeated, entry=replace(known, seq=seq))


def _have_give_way(ledger: Ledger, user_id: str) -> None:
    """Drop the oldest traces of a user who has too many."""
    # One with a delivery is on its way to somebody all the same: a version that knew no traces has made it.
    ledger.run(
        """DELETE FROM operations AS o WHERE o.seq IN (
            SELECT t.seq FROM operations AS t INDEXED BY traces_of_user WHERE t.user_id = ? AND t.trace = 1
            ORDER BY t.seq DESC LIMIT -1 OFFSET ?
        ) AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.user_id = o.user_id AND d.seq = o.seq)""",
        (user_id, MAX_TRACES),
    )


def _take_away(ledger: Ledger, known: Entry) -> dict[str, float]:
    """Remove an operation with its deliveries; tell until when each provider may still be busy with it."""
    deliveries = ledger.rows(
        "DELETE FROM deliveries WHERE user_id = ? AND seq = ? RETURNING provider, due_at",
        (known.state.user_id, known.seq),
    )
    # Removed, not only superseded: of a deleted memory nothing may stay.
    ledger.run("DELETE FROM operations WHERE seq = ?", (known.seq,))
    return {provider: due_at for provider, due_at in deliveries if due_at is not None}
