"""Byte strings by row, one after the other in one array, for many short ones that are seldom read."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from providers.search.packed_rows import Rows

Number = TypeVar("Number", bound=np.generic)

_LEAST = 16
_GROWTH = 8  # of what is there, one part as room for more


class PackedTexts:
    """Keep one byte string a row; rows are only ever added, until all of them are renumbered."""

    def __init__(self) -> None:
        self._bytes: NDArray[np.uint8] = np.empty(_LEAST, np.uint8)
        self._ends: NDArray[np.int64] = np.empty(_LEAST, np.int64)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> bytes:
        return self._bytes[self._start(row) : self._ends[row]].tobytes()

    @property
    def nbytes(self) -> int:
        """The bytes of all, with the room that is kept for more."""
        return self._bytes.nbytes + self._ends.nbytes

    def append(self, text: bytes) -> None:
        """Add one at the end."""
        start = self._start(self._rows)
        end = start + len(text)
        self._bytes = _with_room(self._bytes, start, end)
        self._ends = _with_room(self._ends, self._rows, self._rows + 1)
        self._bytes[start:end] = np.frombuffer(text, np.uint8)
        self._ends[self._rows] = end
        self._rows += 1

    def extend(self, packed: bytes, lengths: NDArray[np.int64]) -> None:
        """Add these at the end, one after the other, with the bytes of each."""
        end = self._start(self._rows)
        self._bytes = np.concatenate((self._bytes[:end], np.frombuffer(packed, np.uint8)))
        self._ends = np.concatenate((self._ends[: self._rows], end + np.cumsum(lengths)))
        self._rows += len(lengths)

    def keep(self, kept: Rows) -> None:
        """Keep only these rows, which are in order."""
        ends = self._ends[: self._rows]
        lengths = np.diff(ends, prepend=0)
        stays = np.zeros(self._rows, np.bool_)
        stays[kept] = True
        self._bytes = self._bytes[: self._start(self._rows)][np.repeat(stays, lengths)]
        self._ends = np.cumsum(lengths[kept])
        self._rows = len(kept)

    def _start(self, row: int) -> int:
        return int(self._ends[row - 1]) if row else 0


def side_by_side(texts: Sequence[str | None]) -> tuple[bytes, Rows]:
    """Return texts one after the other, and the bytes of each; None has none."""
    if not any(texts):
        return b"", np.zeros(len(texts), np.int64)
    encoded = [(text or "").encode() for text in texts]
    return b"".join(encoded), np.fromiter(map(len, encoded), np.int64, len(encoded))


def _with_room(array: NDArray[Number], used: int, wanted: int) -> NDArray[Number]:
    """Return an array with room for so many entries, of which the first are `used`."""
    if wanted <= len(array):
        return array
    grown = np.empty(max(wanted, len(array) + len(array) // _GROWTH + _LEAST), array.dtype)
    grown[:used] = array[:used]
    return grown
