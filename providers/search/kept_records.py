"""KeptRecords: memories that were answers of late, as they are returned, so that they need not be read again."""

from collections.abc import Mapping
from copy import deepcopy
from sys import getsizeof
from typing import Any, Self

from msgspec.structs import replace

from providers.types import MemoryRecord

# About what a record takes beside its content and its metadata: the object, its id, its labels, its moments.
_BYTES = 800


class KeptRecords:
    """The records of rows of one index.

    A row is of one state of a memory: whatever changes that, gives it another row. When rows get other numbers, all is
    forgotten. A copy of an index begins without any: its rows need not be those of the other one for long.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._records: dict[int, MemoryRecord] = {}
        self._moves = 0

    def __deepcopy__(self, _memo: object) -> Self:
        return type(self)()

    def get(self, moves: int, row: int) -> MemoryRecord | None:
        """Return the record of a row, None if it is not kept; `moves` is that of the index."""
        record = self._records.get(row) if moves == self._moves else None
        if record is None:
            return None
        # Changing the metadata of an answer must change no other answer.
        return replace(record, metadata=deepcopy(record.metadata))

    def put(self, moves: int, records: Mapping[int, MemoryRecord]) -> None:
        """Keep records by their rows."""
        if moves != self._moves:
            self.forget()
            self._moves = moves
        for row, record in records.items():
            if row not in self._records:
                self._records[row] = replace(record, metadata=deepcopy(record.metadata))
                self.nbytes += _BYTES + getsizeof(record.content) + _size_of(record.metadata)

    def forget(self) -> None:
        """Forget everything."""
        self._records.clear()
        self.nbytes = 0


def _size_of(metadata: Mapping[str, Any] | None) -> int:
    """Return about what metadata take; their objects take more than their text."""
    return 4 * len(repr(metadata)) if metadata else 0
