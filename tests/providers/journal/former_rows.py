"""The rows of a version that kept a state in a column for each field, as that version wrote and read them."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from providers.journal.operations import Operation, OperationKind
from providers.types import Metadata, Snapshot

INSERT = """INSERT INTO operations
    (user_id, memory_id, kind, version, appended_at, created_at, updated_at, digest, edits, metadata, content,
        trace)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq"""
SELECT = """SELECT o.seq, o.kind, o.user_id, o.memory_id, o.version, o.content, o.metadata, o.created_at, o.updated_at,
    o.digest, o.edits FROM operations AS o"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def store(connection: sqlite3.Connection, operation: Operation) -> None:
    """Insert the row of an operation."""
    connection.execute(INSERT, _to_row(operation, 0.0)).fetchall()


def stored(connection: sqlite3.Connection) -> dict[str, tuple[OperationKind, Snapshot]]:
    """Return the kind and the state of each memory."""
    return {row[3]: (OperationKind(row[1]), _to_state(row)) for row in connection.execute(SELECT)}


def _to_row(operation: Operation, appended_at: float) -> tuple[object, ...]:
    state = operation.state
    return (
        state.user_id,
        state.id,
        operation.kind.value,
        state.version,
        appended_at,
        None if state.created_at is None else (state.created_at - _EPOCH) // _MICROSECOND,
        None if state.updated_at is None else (state.updated_at - _EPOCH) // _MICROSECOND,
        state.digest or None,
        msgspec.json.encode(state.edits).decode() if state.edits else None,
        None if state.metadata is None else msgspec.json.encode(state.metadata).decode(),
        state.content,
        operation.trace,
    )


def _to_state(row: tuple[Any, ...]) -> Snapshot:
    return Snapshot(
        user_id=row[2],
        id=row[3],
        version=row[4],
        content=row[5],
        metadata=None if row[6] is None else _metadata(row[6]),
        created_at=None if row[7] is None else _EPOCH + timedelta(microseconds=row[7]),
        updated_at=None if row[8] is None else _EPOCH + timedelta(microseconds=row[8]),
        digest=row[9] or b"",
        edits=() if row[10] is None else msgspec.json.decode(row[10], type=tuple[str, ...]),
    )


def _metadata(text: str) -> Metadata:
    try:
        return msgspec.json.decode(text, type=Metadata)
    except msgspec.ValidationError:
        metadata: Metadata = json.loads(text)
        return metadata
