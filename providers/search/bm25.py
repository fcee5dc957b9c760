"""BM25 with tf = 1, scaled into [0, 1]; `providers/search/ranking.py` has the formula."""

from math import log
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from providers.search.weights import K1, B

_Length = TypeVar("_Length", float, NDArray[np.float32])


def idf(count: int, holders: int) -> float:
    """Return how much a word tells that so many of `count` memories hold."""
    return log(1 + (count - holders + 0.5) / (holders + 0.5))


def shortness(length: _Length) -> _Length:
    """Return the factor of a length, given as a multiple of the average."""
    return (1 + K1 * (1 - B)) / (1 + K1 * (1 - B + B * length))
