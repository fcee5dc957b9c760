"""The columns of an index: one number a memory in each, all of them as long."""

from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from providers.search.packed_rows import Rows

_TYPES = {
    "high": np.uint64,  # the id, in halves
    "low": np.uint64,
    "version": np.int64,
    "first_version": np.int64,
    "created": np.int64,  # microseconds since 1970
    "expires": np.int64,  # as created, `NEVER` without an expiry
    "content": np.int64,  # a hash of the folded content
    "length": np.int32,  # terms
    "session": np.int32,
    "speaker": np.int32,
    "language": np.int16,
    "traits": np.int32,
    "written": np.int64,  # as created, `NO_MOMENT` where nobody noted it
    "alive": np.bool_,
}
_LEAST = 16
_GROWTH = 8  # of the rows that are there, one part as room for more
_HALF = (1 << 64) - 1
_DIGITS = 32  # of an id, in hexadecimal
_ODD = 0x9E3779B97F4A7C15  # which spreads the bits of a number over all higher ones
_HASH_SHIFT = 24  # of 64 bits


class Columns:
    """Grow together; a row keeps its number until all are renumbered."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    version: Rows
    first_version: Rows
    created: Rows
    expires: Rows
    content: Rows
    length: NDArray[np.int32]
    session: NDArray[np.int32]
    speaker: NDArray[np.int32]
    language: NDArray[np.int16]
    traits: NDArray[np.int32]
    written: Rows
    alive: NDArray[np.bool_]

    def __init__(self) -> None:
        self._room: dict[str, NDArray[Any]] = {name: np.zeros(_LEAST, of) for name, of in _TYPES.items()}
        self._used = 0

    def __len__(self) -> int:
        return self._used

    @property
    def nbytes(self) -> int:
        """The bytes of all columns, with the room that is kept for more."""
        return sum(column.nbytes for column in self._room.values())

    def append(self, **values: int) -> int:
        """Add a row, which is alive, and return its number."""
        row = self._used
        if row == len(self._room["alive"]):
            more = row // _GROWTH + 1
            self._room = {name: np.concatenate((one, np.zeros(more, one.dtype))) for name, one in self._room.items()}
        for name, value in values.items():
            self._room[name][row] = value
        self._room["alive"][row] = True
        self._used += 1
        self._forget_views()
        return row

    def extend(self, count: int, **values: NDArray[Any]) -> None:
        """Add as many rows as this, all alive."""
        more: dict[str, NDArray[Any]] = {
            name: values[name].astype(of) if name in values else np.ones(count, of) for name, of in _TYPES.items()
        }
        if self._used:
            more = {name: np.concatenate((self._room[name][: self._used], one)) for name, one in more.items()}
        self._room = more
        self._used += count
        self._forget_views()

    def keep(self, kept: Rows) -> None:
        """Keep only these rows, in this order."""
        self._room = {name: column[kept] for name, column in self._room.items()}
        self._used = len(kept)
        self._forget_views()

    def id_of(self, row: int) -> str:
        """Return the id of a row."""
        return _dashed(f"{self._room['high'][row]:016x}{self._room['low'][row]:016x}")

    def ids_of(self, rows: Rows) -> list[str]:
        """Return the id of each of some rows."""
        digits = np.array((self.high[rows], self.low[rows]), ">u8").T.tobytes().hex()
        return [_dashed(digits[start : start + _DIGITS]) for start in range(0, len(digits), _DIGITS)]

    def __getattr__(self, name: str) -> NDArray[Any]:
        """Return a column, as long as there are rows: a view, which is an attribute from now on until rows come."""
        if name not in _TYPES:
            raise AttributeError(name)
        view = self._room[name][: self._used]
        setattr(self, name, view)
        return view

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy of this object takes: no views, which would be of columns of their own there."""
        return {"_room": self._room, "_used": self._used}

    def _forget_views(self) -> None:
        for name in vars(self).keys() & _TYPES.keys():
            delattr(self, name)


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def halves(memory_id: str) -> tuple[int, int]:
    """Return an id, which is a UUID, as two numbers."""
    number = UUID(memory_id).int
    return number >> 64, number & _HALF


def id_hash(high: int, low: int) -> int:
    """Return 40 bits of a hash of an id, given in halves."""
    return ((low * _ODD & _HALF) ^ (high * _ODD & _HALF)) >> _HASH_SHIFT


def id_hashes(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return what `id_hash` returns, of each id."""
    return (low * np.uint64(_ODD) ^ high * np.uint64(_ODD)) >> np.uint64(_HASH_SHIFT)
