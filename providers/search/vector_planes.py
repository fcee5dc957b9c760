"""Vectors in two planes of int8: one to scan all of them by, and the rest to score the best ones exactly.

A vector is scale * (coarse + fine / 254), each part rounded to int8: 16 bits a number, as precise as float16. Reading
one plane takes a tenth of the time that numpy needs to widen float16, and the cosine is off by less than 0.002.
"""

import numpy as np
from numpy.typing import NDArray

from providers.search.packed_rows import Rows

Matrix = NDArray[np.float32]

_STEPS = 127  # on either side of zero
_FINER = 254.0  # of a fine step in a coarse one, half a step on either side
_CHUNK = 1 << 18  # numbers that are widened at a time: 1 MB, which stays in the cache; 6 MB take eight times as long
_GROWTH = 1.125
_LEAST = 16


class VectorPlanes:
    """The vectors of one model, each with the number of the row that it belongs to."""

    def __init__(self, dims: int) -> None:
        self.dims = dims
        self._coarse = np.empty((_LEAST, dims), np.int8)
        self._fine = np.empty((_LEAST, dims), np.int8)
        self._scales = np.empty(_LEAST, np.float32)
        self._rows = np.empty(_LEAST, np.int32)
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

    def add_directions(self, vectors: Matrix, rows: Rows) -> None:
        """Add vectors as `add` does, but for those of other dimensions, and zeros, which have no direction."""
        if vectors.shape[1] == self.dims:
            pointing = vectors.any(axis=1)
            self.add(vectors[pointing], rows[pointing])

    def add(self, vectors: Matrix, rows: Rows) -> None:
        """Add vectors, float32[n, dims] of unit length, and their rows, which are greater than those before them."""
        end = self._used + len(vectors)
        self._reserve(end)
        scales = np.abs(vectors).max(axis=1, initial=0.0) / _STEPS
        scales[scales == 0] = 1.0
        scaled = vectors / scales[:, None]
        coarse = np.rint(scaled)
        self._coarse[self._used : end] = coarse
        self._fine[self._used : end] = np.rint((scaled - coarse) * _FINER)
        self._scales[self._used : end] = scales
        self._rows[self._used : end] = rows
        self._used = end

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

    def of(self, places: Rows) -> Matrix:
        """Return the vectors at these places, not rows, as float32[n, dims]."""
        vectors = self._fine[places].astype(np.float32)
        vectors /= _FINER
        vectors += self._coarse[places]
        vectors *= self._scales[places, None]
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
