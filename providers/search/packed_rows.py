"""A multimap from hashes to row numbers in eight bytes an entry, for terms and ids of many small indexes."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Entries = NDArray[np.uint64]

MOST_ROWS = 1 << 24  # that have a number
FULL = f"an index holds up to {MOST_ROWS} memories"
_ROW_BITS = 24
HASH_BYTES = 5
_CACHED = 65_536  # terms whose hashes are kept
_ROW_MASK = np.uint64(MOST_ROWS - 1)

# Entries that are kept by themselves until they are sorted in, and what share of all entries they may be.
_LEAST_TAIL = 256
_TAIL_SHARE = 16


def hashed(term: str) -> int:
    """Return a hash of a text in 40 bits, the same in every process.

    Of 100,000 terms one in ten million texts shares its hash with some other.
    """
    return int.from_bytes(hash_bytes(term), "little")


@lru_cache(maxsize=_CACHED)
def hash_bytes(term: str) -> bytes:
    """Return the same hash as 5 bytes, the lowest ones first."""
    return blake2b(term.encode(errors="surrogatepass"), digest_size=HASH_BYTES).digest()


class PackedRows:
    """Keep (hash, row) pairs sorted, and the latest in a short tail, which is sorted when rows are asked for."""

    def __init__(self) -> None:
        self._sorted = np.empty(0, np.uint64)
        self._tail = np.empty(_LEAST_TAIL, np.uint64)
        self._used = 0
        self._tail_sorted = True

    def __len__(self) -> int:
        return len(self._sorted) + self._used

    @property
    def nbytes(self) -> int:
        """The bytes of all entries."""
        return self._sorted.nbytes + self._tail.nbytes

    def add(self, hashes: Iterable[int], row: int) -> None:
        """Add one row under some hashes."""
        entries = [(one << _ROW_BITS) | row for one in hashes]
        if self._used + len(entries) > len(self._tail):
            self._sort_in(len(entries))
        self._tail[self._used : self._used + len(entries)] = entries
        self._used += len(entries)
        self._tail_sorted = False

    def add_all(self, hashes: NDArray[np.uint64], rows: NDArray[np.uint64]) -> None:
        """Add a pair of each hash and the row beside it."""
        if self._used:
            self._sort_in(0)
        added = hashes << np.uint64(_ROW_BITS) | rows
        added.sort()
        if len(self._sorted):
            added = np.concatenate((self._sorted, added))
            added.sort(kind="stable")  # as below
        self._sorted = added

    def rows_of(self, hashes: Sequence[int]) -> list[Rows]:
        """Return the rows under each hash, in no order."""
        if not hashes:
            return []
        first = np.array(hashes, np.uint64) << np.uint64(_ROW_BITS)
        last = first | _ROW_MASK
        tail = self._tail[: self._used]
        if not self._tail_sorted:
            tail.sort(kind="stable")  # as below
            self._tail_sorted = True
        parts = [
            part
            for both in zip(_between(self._sorted, first, last), _between(tail, first, last), strict=True)
            for part in both
        ]
        rows = (np.concatenate(parts) & _ROW_MASK).view(np.int64)  # at once, since each call costs as much
        ends = list(accumulate(map(len, parts)))[1::2]
        return [rows[start:end] for start, end in pairwise((0, *ends))]

    def hashes_of(self, rows: Rows) -> list[Rows]:
        """Return the hashes under which each row was added; all entries are looked at."""
        wanted = np.full(int(rows.max(initial=-1)) + 1, -1, np.int64)
        wanted[rows] = np.arange(len(rows))
        entries = np.concatenate((self._sorted, self._tail[: self._used]))
        at = (entries & _ROW_MASK).astype(np.int64)
        entries, at = entries[at < len(wanted)], at[at < len(wanted)]
        places = wanted[at]
        hashes = (entries >> np.uint64(_ROW_BITS)).astype(np.int64)
        return [hashes[places == place] for place in range(len(rows))]

    def renumber(self, numbers: Rows) -> None:
        """Give every row its new number; those whose number is negative are dropped. The order of rows must stay."""
        self._sort_in(0)
        new = numbers[(self._sorted & _ROW_MASK).astype(np.int64)]
        kept = new >= 0
        self._sorted = (self._sorted[kept] & ~_ROW_MASK) | new[kept].astype(np.uint64)

    def _sort_in(self, wanted: int) -> None:
        """Sort the tail in, and make room for as many new entries."""
        self._sorted = np.concatenate((self._sorted, np.sort(self._tail[: self._used])))
        self._sorted.sort(kind="stable")  # which merges two sorted runs in linear time
        self._tail = np.empty(max(_LEAST_TAIL, len(self._sorted) // _TAIL_SHARE, wanted), np.uint64)
        self._used = 0


def _between(entries: Entries, first: Entries, last: Entries) -> list[Entries]:
    """Return those of sorted entries that lie between each pair of bounds, which may be among them."""
    starts, ends = entries.searchsorted(first), entries.searchsorted(last, "right")
    return [entries[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
