"""The number of values in JSON text, counted without decoding any of them."""

import re

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# So many strings, with what is between them, are looked at in one go, since their neighbours are cut out meanwhile.
_STRETCH = re.compile(rb'(?:[^"]*+"(?:[^"\\]++|\\.)*+"){0,4096}+[^"]*+', re.DOTALL)


def most_values_in(text: bytes) -> int:
    """Return what `values_in` cannot exceed, as quickly as that can be: what is in strings is counted, too."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def values_in(text: bytes) -> int:
    """Count what follows a comma, or begins a list or an object: as many as there are values, or a few more.

    `text`: JSON; what comes behind a string without an end is not counted.
    """
    values, begin = 0, 0
    while found := _STRETCH.match(text, begin):
        end = found.end()
        if end == begin:
            break
        values += most_values_in(_STRING.sub(b"", text[begin:end]))
        begin = end
    return values
