"""The table of operations as the statements of one file see it."""

from collections.abc import Sequence
from functools import cached_property

import msgspec

from providers.journal import rows
from providers.journal.operations import JournalEntry, Operation
from providers.journal.rows import Row
from providers.journal.sqlite.former import CURRENT_COLUMNS, TO_TEXT, to_columns
from providers.states.codec import encode

_PENDING = """(
    SELECT json_group_array(d.provider) FROM deliveries AS d WHERE d.user_id = o.user_id AND d.seq = o.seq
)"""

_names = msgspec.json.Decoder(list[str]).decode


class OperationsTable:
    """Build what statements on `operations AS o` select and insert.

    A file that an earlier version has created has `former` columns.
    """

    def __init__(self, former: Sequence[str] = ()) -> None:
        self._former = former

    @cached_property
    def state(self) -> str:
        """The expression for the text of a state."""
        if not self._former:
            return "o.state"
        columns = ", ".join(f"o.{name}" for name in ("user_id", "memory_id", "version", *self._former))
        return f"coalesce(o.state, {TO_TEXT}({columns}))"

    @cached_property
    def entry(self) -> str:
        """The columns that `to_entry` reads."""
        return f"o.seq, o.kind, {self.state}, {_PENDING}"

    @cached_property
    def newest(self) -> str:
        """The statement that selects the entry of one memory."""
        return f"SELECT {self.entry} FROM operations AS o WHERE o.user_id = ? AND o.memory_id = ?"  # noqa: S608 - names of columns

    @cached_property
    def newest_of(self) -> str:
        """The statement that selects the entries of the memories in a list of JSON."""
        several = "IN (SELECT value FROM json_each(?))"
        return f"SELECT {self.entry} FROM operations AS o WHERE o.user_id = ? AND o.memory_id {several}"  # noqa: S608 - names of columns

    @cached_property
    def insert(self) -> str:
        """The statement that inserts what `to_row` returns, and returns the row's number."""
        columns = (*CURRENT_COLUMNS, *self._former)
        places = ", ".join("?" * len(columns))
        return f"INSERT INTO operations ({', '.join(columns)}) VALUES ({places}) RETURNING seq"  # noqa: S608 - names of columns

    def to_row(self, operation: Operation, appended_at: float) -> Row:
        """Return the values that `insert` takes."""
        state, kind = operation.state, operation.kind.value
        row = (state.user_id, state.id, kind, state.version, appended_at, operation.trace, encode(state))
        return (*row, *to_columns(state, self._former)) if self._former else row


def to_entry(row: Row) -> JournalEntry:
    """Convert what `OperationsTable.entry` selects."""
    return rows.to_entry(row, _names(row[3]))
