"""The number of values in JSON text, counted without building any of them."""

import numpy as np

from app.http.json.structure import windows_of


def most_values_in(text: bytes) -> int:
    """Return an upper bound of `values_in`, as quickly as possible: the contents of strings are counted, too."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def values_in(text: bytes, most: int) -> int:
    """Count what follows a comma, or begins a list or an object: as many as there are values, or a few more.

    Nothing is counted beyond the part of the text that brings the number above `most`. `text`: JSON; what follows an
    unterminated string is not counted.
    """
    values = 0
    for window in windows_of(text):
        values += int(np.count_nonzero(window.commas)) + int(np.count_nonzero(window.opening))
        if values > most:
            break
    return values
