"""Operations as rows, and rows as operations."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from providers.journal.operations import Entry, Operation, OperationKind
from providers.types import Metadata, Snapshot

Row = Sequence[Any]

# What `to_entry` reads, of `operations AS o`.
ENTRY = """o.seq, o.kind, o.user_id, o.memory_id, o.version, o.content, o.metadata, o.created_at, o.updated_at,
    o.digest, o.edits,
    (SELECT json_group_array(d.provider) FROM deliveries AS d WHERE d.user_id = o.user_id AND d.seq = o.seq)"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_row(operation: Operation, appended_at: float) -> Row:
    """Give the columns of an operation, in the order of `appending.INSERT`."""
    state = operation.state
    return (
        state.user_id,
        state.id,
        operation.kind.value,
        state.version,
        appended_at,
        _microseconds(state.created_at),
        _microseconds(state.updated_at),
        state.digest or None,
        msgspec.json.encode(state.edits).decode() if state.edits else None,
        None if state.metadata is None else msgspec.json.encode(state.metadata).decode(),
        state.content,
        operation.trace,
    )


def to_entry(row: Row) -> Entry:
    """Read what `ENTRY` selects."""
    return Entry(
        seq=row[0],
        kind=OperationKind(row[1]),
        state=to_state(row),
        pending=frozenset(msgspec.json.decode(row[11], type=list[str])),
    )


def to_state(row: Row) -> Snapshot:
    """Read the memory out of what `ENTRY` selects."""
    return Snapshot(
        user_id=row[2],
        id=row[3],
        version=row[4],
        content=row[5],
        metadata=None if row[6] is None else _metadata(row[6]),
        created_at=_moment(row[7]),
        updated_at=_moment(row[8]),
        digest=row[9] or b"",
        edits=() if row[10] is None else msgspec.json.decode(row[10], type=tuple[str, ...]),
    )


def _metadata(text: str) -> Metadata:
    try:
        return msgspec.json.decode(text, type=Metadata)
    except msgspec.ValidationError:
        # Its longest integer has 4,300 characters, a sign included; Python's own, and so our limit, 4,300 digits.
        metadata: Metadata = json.loads(text)
        return metadata


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
