"""Parts of a large write: the driver encodes the values of one statement at once, which holds up the event loop."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

Row = TypeVar("Row")

# In one statement; some 10 ms.
MOST_BYTES = 2 * 1024 * 1024

BYTES_PER_ROW = 4 * 1024  # what else a row takes, in the time of encoding so many bytes
_BYTES_PER_CHAR = 4  # of UTF-8, at most


def size_of(values: Iterable[Any]) -> int:
    """Return the size of one row of values: the bytes of its texts, at most, and those that any row takes."""
    size = BYTES_PER_ROW
    for value in values:  # a loop, which takes half of the time of generators
        if isinstance(value, str):
            size += len(value) if value.isascii() else _BYTES_PER_CHAR * len(value)
    return size


def most_size_of(arrays: Sequence[Sequence[Any]]) -> int:
    """Return a bound on the size of all rows, given as one array for each column; one has texts, or other values."""
    chars = 0
    for array in arrays:
        if isinstance(next((value for value in array if value is not None), None), str):
            chars += sum(map(len, filter(None, array)))
    return BYTES_PER_ROW * len(arrays[0]) + _BYTES_PER_CHAR * chars


def in_parts(
    rows: Sequence[Row], size: Callable[[Row], int], order: Callable[[Row], Any], most: int = MOST_BYTES
) -> list[list[Row]]:
    """Return rows in parts of at most `most` bytes, or of a single row that is larger; in one part as they came.

    Several parts are in an order, which is that in which their statements lock rows: two batches that share some wait
    for each other, instead of each having what the other one wants.
    """
    sizes = list(map(size, rows))
    if sum(sizes) <= most:
        return [list(rows)]
    parts: list[list[Row]] = []
    room = 0
    for row, needed in sorted(zip(rows, sizes, strict=True), key=lambda pair: order(pair[0])):
        if needed > room or not parts:
            parts.append([])
            room = most
        parts[-1].append(row)
        room -= needed
    return parts
