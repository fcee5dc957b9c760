"""Neighbours in time: which memories of one conversation stand next to each other.

The memories of a session are one sequence; those without a session are another, in which a gap of half an hour ends a
conversation. Sequences are ordered as lists are: by moment, then by what was stored first, then by id.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.search.packed_rows import Rows

LONGEST_GAP = 1_800_000_000  # microseconds between two neighbours that are in no session

NO_SESSION = 0  # the label of memories without a session

_NONE = -1
_MOST_STEPS = 64  # back from the end of a sequence, before all is sorted anew
_Sorting = tuple[int, int, str]
Scores = NDArray[np.float32]


class NeighbourStep(Protocol):
    """Which rows stand so many steps apart; every row stands once on either side at most, so nothing is added twice."""

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays."""
        ...

    def lend(self, weight: float, above: Scores, lent: Scores) -> None:
        """Add to each row of `lent` what `above` has for its neighbours on either side, times the weight."""
        ...


class Pairs(Struct, frozen=True):
    """Rows, and the ones before them, which may have any numbers."""

    rows: Rows
    others: Rows

    @property
    def nbytes(self) -> int:
        """See `NeighbourStep`."""
        return self.rows.nbytes + self.others.nbytes

    def lend(self, weight: float, above: Scores, lent: Scores) -> None:
        """See `NeighbourStep`."""
        lent[self.rows] += weight * above[self.others]
        lent[self.others] += weight * above[self.rows]


class Adjacent(Struct, frozen=True):
    """Neighbours whose numbers are `distance` apart, as where memories were stored in the order of their moments.

    `linked` has 1 for each row from `distance` on whose neighbour stands before it, else 0. It takes a tenth of the
    time and a quarter of the memory of pairs.
    """

    distance: int
    linked: Scores

    @property
    def nbytes(self) -> int:
        """See `NeighbourStep`."""
        return self.linked.nbytes

    def lend(self, weight: float, above: Scores, lent: Scores) -> None:
        """See `NeighbourStep`."""
        weighted = weight * above
        lent[self.distance :] += weighted[: -self.distance] * self.linked
        lent[: -self.distance] += weighted[self.distance :] * self.linked


class Neighbours:
    """Link the rows of each sequence; a row that comes late is looked for from the end."""

    def __init__(self) -> None:
        self._before = np.full(16, _NONE, np.int32)
        self._after = np.full(16, _NONE, np.int32)
        self._last: dict[int, int] = {}  # rows by session
        self._sorted = True
        self._steps: tuple[NeighbourStep, NeighbourStep] | None = None

    @property
    def nbytes(self) -> int:
        """The bytes of all links."""
        steps = sum(step.nbytes for step in self._steps or ())
        return self._before.nbytes + self._after.nbytes + steps

    def add(self, row: int, session: int, key: Callable[[int], _Sorting]) -> None:
        """Link a new row into its sequence; `key` tells where any row belongs."""
        self._steps = None
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
        self._steps = None
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
        self._sorted, self._steps = False, None

    def steps(
        self, moments: Rows, sessions: NDArray[np.int32], order: Callable[[], Rows]
    ) -> tuple[NeighbourStep, NeighbourStep]:
        """Return which rows are one and two steps apart; `order` sorts all rows into their sequences."""
        if not self._sorted:
            self._sort(order(), sessions)
        if self._steps is None:
            before = self._before[: len(moments)]
            rows = np.flatnonzero(before != _NONE)
            others = before[rows].astype(np.int64)
            near = (sessions[rows] != NO_SESSION) | (moments[rows] - moments[others] <= LONGEST_GAP)
            rows, others = rows[near], others[near]
            first = np.full(len(moments), _NONE, np.int64)
            first[rows] = others
            second = first[others]
            kept = second != _NONE
            self._steps = _step(1, rows, others, len(moments)), _step(2, rows[kept], second[kept], len(moments))
        return self._steps

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


def _step(distance: int, rows: Rows, others: Rows, count: int) -> NeighbourStep:
    """Return the pairs of so many rows in the shorter form, if they have one."""
    if count <= distance or not (rows - others == distance).all():
        return Pairs(rows, others)
    linked = np.zeros(count, np.float32)
    linked[rows] = 1.0
    return Adjacent(distance, linked[distance:])
