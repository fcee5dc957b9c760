"""A multimap from hashes to row numbers in eight bytes an entry, for terms and ids of many small indexes."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

MOST_ROWS = 1 << 24  # that have a number
FULL = f"an index holds up to {MOST_ROWS} memories"
_ROW_BITS = 24
HASH_BYTES = 5
_CACHED = 65_536  # terms whose hashes are kept
_ROW_MASK = np.uint64(MOST_ROWS - 1)
_NOTHING: Rows = np.empty(0, np.int64)

# Entries that are searched one by one until they are sorted in, and what share of all entries they may be.
_LEAST_TAIL = 256
_TAIL_SHARE = 16


@lru_cache(maxsize=_CACHED)
def hashed(term: str) -> int:
    """Return a hash of a text in 40 bits, the same in every process.

    Of 100,000 terms one in ten million texts shares its hash with some other.
    """
    return int.from_bytes(blake2b(term.encode(errors="surrogatepass"), digest_size=HASH_BYTES).digest(), "little")


class PackedRows:
    """Keep (hash, row) pairs sorted, with a short unsorted tail of the latest."""

    def __init__(self) -> None:
        self._sorted = np.empty(0, np.uint64)
        self._tail = np.empty(_LEAST_TAIL, np.uint64)
        self._used = 0

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

    def add_all(self, hashes: NDArray[np.uint64], rows: NDArray[np.uint64]) -> None:
        """Add a pair of each hash and the row beside it."""
        if self._used:
            self._sort_in(0)
        added = hashes << np.uint64(_ROW_BITS) | rows
        added.sort()
        if len(self._sorted):
            added = np.concatenate((self._sorted, added))
            added.sort()
        self._sorted = added

    def rows_of(self, hashes: Sequence[int]) -> list[Rows]:
        """Return the rows under each hash, in no order."""
        if not hashes:
            return []
        first = np.array(hashes, np.uint64) << np.uint64(_ROW_BITS)
        starts = self._sorted.searchsorted(first).tolist()
        ends = self._sorted.searchsorted(first | _ROW_MASK, "right").tolist()
        tail = self._tail[: self._used]
        prefixes = tail >> np.uint64(_ROW_BITS)
        found = []
        for one, start, end in zip(hashes, starts, ends, strict=True):
            entries = self._sorted[start:end]
            if self._used:
                latest = tail[prefixes == np.uint64(one)]
                entries = np.concatenate((entries, latest)) if len(latest) else entries
            found.append((entries & _ROW_MASK).view(np.int64) if len(entries) else _NOTHING)
        return found

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
