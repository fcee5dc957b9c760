"""Rows of a journal's database as the values of a journal."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from msgspec import Struct, convert

from providers.journal.codec import decode
from providers.journal.operations import Delivery, JournalEntry, OperationKind

Row = Sequence[Any]
Value = TypeVar("Value", bound=Struct)


def to_value(kind: type[Value], row: Row) -> Value:
    """Convert a row that has one column for each field of a struct, in the order of the fields."""
    return convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind)


def to_entry(row: Row, pending: Iterable[str]) -> JournalEntry:
    """Convert a row that begins with seq, kind, state."""
    return JournalEntry(seq=row[0], kind=OperationKind(row[1]), state=decode(row[2]), pending=frozenset(pending))


def to_delivery(row: Row) -> Delivery:
    """Convert a row of seq, provider, kind, state, appended_at, until, failures, failed_at."""
    return Delivery(
        seq=row[0],
        provider=row[1],
        kind=OperationKind(row[2]),
        state=decode(row[3]),
        appended_at=row[4],
        until=row[5],
        failures=row[6],
        failed_at=row[7],
    )
