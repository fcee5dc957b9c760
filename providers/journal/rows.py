"""Rows of a journal's database as the values of a journal."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct, convert

from providers.journal.operations import (
    Backlog,
    DeadLetter,
    Delivery,
    JournalEntry,
    JournalStatus,
    OperationKind,
    PendingDelivery,
)
from providers.owners import DEFAULT_TENANT, Owner
from providers.states.codec import decode

Row = Sequence[Any]
Value = TypeVar("Value", bound=Struct)


def to_value(kind: type[Value], row: Row) -> Value:
    """Convert a row that has one column for each field of a struct, in the order of the fields."""
    return convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind, strict=False)  # SQLite has no booleans


def to_entry(row: Row, pending: Iterable[str]) -> JournalEntry:
    """Convert a row that begins with seq, kind, state."""
    return JournalEntry(seq=row[0], kind=OperationKind(row[1]), state=decode(row[2]), pending=frozenset(pending))


def to_delivery(row: Row) -> Delivery:
    """Convert a row of seq, provider, kind, state, appended_at, until, failures, failed_at, error, superseded."""
    return to_value(Delivery, (*row[:3], decode(row[3]), *row[4:]))


_LISTED = ("seq", "provider", "kind", "user_id", "memory_id", "error", "failures", "appended_at")

# The failures of a delivery that was discarded: a dead letter about which an operator has decided. An earlier version
# takes it for any other dead letter, and keeps it as well.
DISCARDED = -1


def to_dead_letter(row: Row) -> DeadLetter:
    """Convert a row of the columns of a listed delivery and `failed_at`."""
    *fields, failures, appended_at, failed_at = row
    listed = _listed((*fields, max(failures, 0), appended_at))
    return convert(listed | {"failed_at": failed_at, "discarded": failures == DISCARDED}, DeadLetter)


def to_pending(row: Row) -> PendingDelivery:
    """Convert a row of the columns of a listed delivery and `due_at`."""
    *fields, due_at = row
    return convert(_listed(fields) | {"due_at": due_at}, PendingDelivery)


def _listed(row: Row) -> dict[str, Any]:
    """Return the fields of a listed delivery, with the owner's key taken apart."""
    fields = dict(zip(_LISTED, row, strict=True))
    owner = Owner.of_key(fields["user_id"])
    return fields | {"user_id": owner.user} | ({} if owner.tenant == DEFAULT_TENANT else {"tenant": owner.tenant})


def to_status(counts: Row, backlogs: Iterable[Row]) -> JournalStatus:
    """Convert a row of operations, tombstones, last_seq, and a row for each member."""
    return to_value(JournalStatus, (*counts, [to_value(Backlog, row) for row in backlogs]))
