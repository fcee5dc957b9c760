"""JSON text made shallow: values that nest deeper than any limit, and deeper than is ever read, are cut off."""

import re

# A condition of 8 levels, each with two brackets, around a value of 32 levels, in an item of a list in an object.
ALLOWED_DEPTH = 3 + 2 * 8 + 32

_NEXT = re.compile(rb'(?:[^\[\]{}"]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}])', re.DOTALL)


def shallow(text: bytes, most_brackets: int) -> bytes:
    """Put a 0 and blanks in place of lists and objects below `ALLOWED_DEPTH`, one level of which is left.

    The rest is still refused for its depth, but by the item that it belongs to, and not by msgspec, which refuses a
    body as a whole. `text` is returned unchanged if more brackets than `most_brackets` would have to be examined.
    """
    cut: bytearray | None = None
    depth, begin, brackets = 0, 0, 0
    found = _NEXT.match(text)
    while found:
        brackets += 1
        if brackets > most_brackets:
            return text
        if found[1] in b"[{":
            depth += 1
            if depth == ALLOWED_DEPTH + 2:
                begin = found.start(1)
        else:
            if depth == ALLOWED_DEPTH + 2:
                cut = cut or bytearray(text)
                cut[begin : found.end()] = b"0".ljust(found.end() - begin)
            depth -= 1
        # Not a search, which would scan on from the quote of an unterminated string, again and again.
        found = _NEXT.match(text, found.end())
    return text if cut is None else bytes(cut)
