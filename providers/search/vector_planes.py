"""Vectors in two planes of int8: one to scan all of them by, and the rest to score the best ones exactly.

A vector is scale * (coarse + fine / 254), each part rounded to int8: 16 bits a number, as precise as float16. Reading
one plane takes a tenth of the time that numpy needs to widen float16, and the cosine is off by less than 0.002.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from providers.search.packed_rows import Rows

Matrix = NDArray[np.float32]
Halves = NDArray[np.float16]

_STEPS = 127  # on either side of zero
_FINER = 254.0  # of a fine step in a coarse one, half a step on either side
# Numbers that are widened at a time: 256 KB, which stay in a core's own cache; 1 MB takes up to a tenth longer, 6 MB
# eight times as long. Of 460,800 numbers and more OpenBLAS spreads a product over threads of its own, which take the
# processors of the database.
_CHUNK = 1 << 16
_ADDED_CHUNK = 1 << 16  # numbers that are taken apart at a time, which takes several arrays of as many
_GROWTH = 1.125
_MANTISSA = 13  # bits that that of float32 has more than that of float16
_WITHOUT_COPIES = -0x7000_0001  # all bits but the three behind the sign, which are copies of it
_LEAST = 16


def widened(halves: Halves) -> Matrix:
    """Return finite float16 numbers as float32, by integers: numpy's own way takes ten times as long.

    Mantissa and exponent move to their places, with the sign, which is then left at its own alone; the bias of
    the exponents differs by 112.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= np.int32(_MANTISSA)
    bits &= np.int32(_WITHOUT_COPIES)
    numbers: Matrix = bits.view(np.float32)
    numbers *= np.float32(2.0**112)
    return numbers


class VectorPlanes:
    """The vectors of one model, each with the number of the row that it belongs to."""

    def __init__(self, dims: int, room: int = 0) -> None:
        self.dims = dims
        room = max(room, _LEAST)
        self._coarse = np.empty((room, dims), np.int8)
        self._fine = np.empty((room, dims), np.int8)
        self._scales = np.empty(room, np.float32)
        self._rows = np.empty(room, np.int32)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    @property
    def nbytes(self) -> int:
        """The bytes of all vectors, with the room that is kept for more."""
        return self._coarse.nbytes + self._fine.nbytes + self._scales.nbytes + self._rows.nbytes

    @property
    def rows(self) -> NDArray[np.int32]:
        """The row of each vector."""
        return self._rows[: self._used]

    def add_directions(self, vectors: Matrix | Halves, rows: Rows) -> None:
        """Add vectors as `add` does, but for those of other dimensions, and zeros, which have no direction."""
        if vectors.shape[1] == self.dims:
            # Of halves the bits are asked, which takes no conversion; the sign of a zero is none.
            bits = vectors.view(np.uint16) << np.uint16(1) if vectors.dtype == np.float16 else vectors
            pointing = bits.any(axis=1)
            if pointing.all():
                self.add(vectors, rows)
            else:
                self.add(vectors[pointing], rows[pointing])

    def add(self, vectors: Matrix | Halves, rows: Rows) -> None:
        """Add vectors of unit length, and their rows, which are greater than those before them.

        `vectors` are float32[n, dims], or float16, which takes less memory at a time.
        """
        end = self._used + len(vectors)
        self._reserve(end)
        self._rows[self._used : end] = rows
        step = max(1, _ADDED_CHUNK // self.dims)
        for start in range(0, len(vectors), step):
            some = vectors[start : start + step]
            at = slice(self._used, self._used + len(some))
            scales = _greatest(some) / np.float32(_STEPS)
            scales[scales == 0] = 1.0
            wide = widened(cast("Halves", some)) if some.dtype == np.float16 else cast("Matrix", some)
            scaled = wide / scales[:, None]
            coarse = np.rint(scaled)
            self._coarse[at] = coarse
            scaled -= coarse
            scaled *= np.float32(_FINER)
            self._fine[at] = np.rint(scaled, out=scaled)
            self._scales[at] = scales
            self._used = at.stop

    def scan(self, vector: Matrix) -> Matrix:
        """Return about the inner product of each vector with one, float32[len(self)]."""
        products = np.empty(self._used, np.float32)
        step = max(1, _CHUNK // self.dims)
        wide = np.empty((min(step, self._used), self.dims), np.float32)
        for start in range(0, self._used, step):
            end = min(start + step, self._used)
            chunk = wide[: end - start]
            np.copyto(chunk, self._coarse[start:end])
            np.dot(chunk, vector, out=products[start:end])
        products *= self._scales[: self._used]
        return products

    def places_of(self, rows: Rows) -> Rows:
        """Return the place of the vector of each row, negative where there is none."""
        places = self.rows.searchsorted(rows)  # which only ever grow, because a new vector is one of a new row
        there = places < self._used
        there[there] = self.rows[places[there]] == rows[there]
        return np.where(there, places, -1)

    def placed(self, rows: Rows) -> tuple[Rows, Rows]:
        """Return those of the rows that have a vector, and the places of these."""
        # Where no row is without one up to the last place, as in most indexes, each stands at its own number.
        if self._used and len(rows) and self._rows[self._used - 1] == self._used - 1 and rows.max() < self._used:
            return rows, rows
        places = self.places_of(rows)
        there = places >= 0
        return rows[there], places[there]

    def of(self, places: Rows) -> Matrix:
        """Return the vectors at these places, not rows, as float32[n, dims]."""
        vectors = self._fine.take(places, axis=0).astype(np.float32)
        vectors /= _FINER
        vectors += self._coarse.take(places, axis=0)
        vectors *= self._scales.take(places)[:, None]
        return vectors

    def renumber(self, numbers: Rows) -> None:
        """Give every row its new number; the vectors of those whose number is negative are dropped."""
        new = numbers[self.rows]
        kept = np.flatnonzero(new >= 0)
        for name in ("_coarse", "_fine", "_scales"):
            setattr(self, name, getattr(self, name)[kept])
        self._rows = new[kept].astype(np.int32)
        self._used = len(kept)

    def _reserve(self, count: int) -> None:
        if count <= len(self._rows):
            return
        size = max(count, int(len(self._rows) * _GROWTH), _LEAST)
        for name in ("_coarse", "_fine", "_scales", "_rows"):
            former = getattr(self, name)
            grown = np.empty((size, *former.shape[1:]), former.dtype)
            grown[: self._used] = former[: self._used]
            setattr(self, name, grown)


def _greatest(vectors: Matrix | Halves) -> Matrix:
    """Return the greatest number of each vector, whatever its sign; of halves as integers, which are in that order."""
    if vectors.dtype == np.float16:
        bits = vectors.view(np.uint16) & np.uint16(0x7FFF)
        return cast("Matrix", bits.max(axis=1).view(np.float16).astype(np.float32))
    wide = cast("Matrix", vectors)
    return cast("Matrix", np.maximum(wide.max(axis=1, initial=0.0), -wide.min(axis=1, initial=0.0)))
