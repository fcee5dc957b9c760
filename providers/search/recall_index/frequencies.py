"""Frequencies: about how often owners recalled of late, in a fixed number of bytes.

A count-min sketch (Cormode and Muthukrishnan, 2005) whose counts are halved from time to time, as TinyLFU does
(Einziger, Friedman and Manes, 2017): it never tells less than there were, and forgets what is long ago.
"""

from collections.abc import Hashable

import numpy as np

_BITS = 16
_WIDTH = 1 << _BITS
_ROWS = 4  # of which the least count is told
_MOST = 255  # that a count can be
_LEAST_PERIOD = 1_000  # recalls between two halvings
_RECALLS_OF_EACH = 10  # and as many of each owner that there is room for, as TinyLFU has them
_FIRST = 0x9E3779B97F4A7C15  # an odd number, which spreads the bits of a hash over all higher ones
_WORD = (1 << 64) - 1


class Frequencies:
    """Count the recalls of owners."""

    def __init__(self) -> None:
        self._counts = bytearray(_ROWS * _WIDTH)
        self._counted = 0  # since the last halving

    def add(self, owner: Hashable, owners: int) -> None:
        """Count a recall; `owners` is of how many there are indexes."""
        places = _places(owner)
        least = min(self._counts[place] for place in places)
        if least < _MOST:
            for place in places:  # those above the least count others, too
                if self._counts[place] == least:
                    self._counts[place] = least + 1
        self._counted += 1
        if self._counted >= max(_LEAST_PERIOD, _RECALLS_OF_EACH * owners):
            counts = np.frombuffer(self._counts, np.uint8)
            np.right_shift(counts, 1, out=counts)
            self._counted = 0

    def of(self, owner: Hashable) -> int:
        """Return about how often an owner recalled of late."""
        return min(self._counts[place] for place in _places(owner))


def _places(owner: Hashable) -> tuple[int, ...]:
    spread = (hash(owner) * _FIRST) & _WORD
    return tuple(row * _WIDTH + ((spread >> (_BITS * row)) & (_WIDTH - 1)) for row in range(_ROWS))
