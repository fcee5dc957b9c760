"""Values of which many are the same, by the numbers of the distinct ones, so that each is looked at once."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import count
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=Hashable)


def numbered(values: Iterable[Value], length: int) -> tuple[list[Value], NDArray[np.int64]]:
    """Return the distinct ones of so many values, in the order in which they first come, and the place of each."""
    seen: defaultdict[Value, int] = defaultdict(count().__next__)
    places = np.fromiter(map(seen.__getitem__, values), np.int64, length)
    return list(seen), places
