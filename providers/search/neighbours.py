"""Neighbours in time: which memories of one conversation stand next to each other.

The memories of a session are one sequence; those without a session are another, in which a gap of half an hour ends a
conversation. Sequences are ordered as lists are: by moment, then by what was stored first, then by id.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from providers.search.packed_rows import Rows

LONGEST_GAP = 1_800_000_000  # microseconds between two neighbours that are in no session

NO_SESSION = 0  # the label of memories without a session

_NONE = -1
_MOST_STEPS = 64  # back from the end of a sequence, before all is sorted anew
_Sorting = tuple[int, int, str]
_Pairs = tuple[Rows, Rows]


class Neighbours:
    """Link the rows of each sequence; a row that comes late is looked for from the end."""

    def __init__(self) -> None:
        self._before = np.full(16, _NONE, np.int32)
        self._after = np.full(16, _NONE, np.int32)
        self._last: dict[int, int] = {}  # rows by session
        self._sorted = True
        self._pairs: tuple[_Pairs, _Pairs] | None = None

    @property
    def nbytes(self) -> int:
        """The bytes of all links."""
        pairs = () if self._pairs is None else (rows for step in self._pairs for rows in step)
        return self._before.nbytes + self._after.nbytes + sum(rows.nbytes for rows in pairs)

    def add(self, row: int, session: int, key: Callable[[int], _Sorting]) -> None:
        """Link a new row into its sequence; `key` tells where any row belongs."""
        self._pairs = None
        self._reserve(row + 1)
        if not self._sorted:
            return
        after, before = _NONE, self._last.get(session, _NONE)
        own = key(row)
        for _ in range(_MOST_STEPS):
            if before == _NONE or key(before) <= own:
                self._link(before, row)
                self._link(row, after)
                if after == _NONE:
                    self._last[session] = row
                return
            before, after = int(self._before[before]), before
        self._sorted = False

    def remove(self, row: int, session: int) -> None:
        """Take a row out, so that those next to it become neighbours."""
        self._pairs = None
        if not self._sorted:
            return
        before, after = int(self._before[row]), int(self._after[row])
        self._link(before, after)
        if after == _NONE and before == _NONE:
            self._last.pop(session, None)
        elif after == _NONE:
            self._last[session] = before
        self._before[row] = self._after[row] = _NONE

    def expect(self, count: int) -> None:
        """Make room for as many rows, which are sorted before they are next asked for."""
        self._reserve(count)
        self.forget_order()

    def forget_order(self) -> None:
        """Sort all rows anew before they are next asked for."""
        self._sorted, self._pairs = False, None

    def pairs(self, moments: Rows, sessions: NDArray[np.int32], order: Callable[[], Rows]) -> tuple[_Pairs, _Pairs]:
        """Return the pairs of rows that are one and two steps apart; `order` sorts all rows into their sequences."""
        if not self._sorted:
            self._sort(order(), sessions)
        if self._pairs is None:
            before = self._before[: len(moments)]
            rows = np.flatnonzero(before != _NONE)
            others = before[rows].astype(np.int64)
            near = (sessions[rows] != NO_SESSION) | (moments[rows] - moments[others] <= LONGEST_GAP)
            rows, others = rows[near], others[near]
            steps = np.full(len(moments), _NONE, np.int64)
            steps[rows] = others
            second = steps[others]
            kept = second != _NONE
            self._pairs = (rows, others), (rows[kept], second[kept])
        return self._pairs

    def _sort(self, order: Rows, sessions: NDArray[np.int32]) -> None:
        self._before[:] = _NONE
        self._after[:] = _NONE
        same = sessions[order[1:]] == sessions[order[:-1]]
        self._before[order[1:][same]] = order[:-1][same]
        self._after[order[:-1][same]] = order[1:][same]
        ends = np.append(~same, True) if len(order) else np.empty(0, np.bool_)
        self._last = {int(sessions[row]): int(row) for row in order[ends]}
        self._sorted = True

    def _link(self, before: int, after: int) -> None:
        if before != _NONE:
            self._after[before] = after
        if after != _NONE:
            self._before[after] = before

    def _reserve(self, count: int) -> None:
        if count > len(self._before):
            size = max(count, len(self._before) * 9 // 8) - len(self._before)
            room = np.full(size, _NONE, np.int32)
            self._before = np.concatenate((self._before, room))
            self._after = np.concatenate((self._after, room))
