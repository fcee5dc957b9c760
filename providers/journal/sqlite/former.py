"""The columns in which an earlier version keeps the state of a memory, one for each field that it had.

A file that such a version has created keeps these columns, and every row of it is written in both forms, so that the
earlier version can go on with the file. A row without a text was written by the earlier version.
"""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, get_args

import msgspec
from msgspec.structs import fields

from providers.states.codec import encode
from providers.types import Snapshot

# The columns of today's table, of which an earlier version has `user_id`, `memory_id` and `version` as well.
CURRENT_COLUMNS = ("user_id", "memory_id", "kind", "version", "appended_at", "trace", "state")

TO_TEXT = "ninai_state"  # the SQL function: user_id, memory_id, version, then a value for each former column

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TYPES = {
    field.name: get_args(field.type) if isinstance(field.type, UnionType) else (field.type,)
    for field in fields(Snapshot)
}


def former_columns(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the former columns of a file, none if today's version has created it."""
    found = [name for _, name, *_ in connection.execute("PRAGMA table_info(operations)")]
    return tuple(name for name in found if name in _TYPES and name not in CURRENT_COLUMNS)


def define_conversion(connection: sqlite3.Connection, columns: Sequence[str]) -> None:
    """Define the SQL function that converts the values of these columns to the text of a state."""

    def to_text(user_id: str, memory_id: str, version: int, *values: object) -> str:
        return encode(_state(user_id, memory_id, version, dict(zip(columns, values, strict=True))))

    connection.create_function(TO_TEXT, -1, to_text, deterministic=True)


def to_columns(state: Snapshot, columns: Sequence[str]) -> list[object]:
    """Return the values of a state for these columns."""
    return [_to_column(getattr(state, name)) for name in columns]


def _state(user_id: str, memory_id: str, version: int, values: dict[str, Any]) -> Snapshot:
    known = {name: _from_column(name, value) for name, value in values.items() if value is not None}
    required = dict.fromkeys(field.name for field in fields(Snapshot) if field.required)
    record = {**required, **known, "user_id": user_id, "id": memory_id, "version": version}
    return msgspec.convert(record, Snapshot, builtin_types=(bytes, datetime))


def _to_column(value: object) -> object:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, bytes):
        return value or None
    return None if value == () else msgspec.json.encode(value).decode()


def _from_column(name: str, value: Any) -> object:  # noqa: ANN401 - a column's value, of the type that its field says
    if datetime in _TYPES[name]:
        return _EPOCH + timedelta(microseconds=value)
    if str in _TYPES[name] or bytes in _TYPES[name]:
        return value
    return json.loads(value)
