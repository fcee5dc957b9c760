r"""Lone surrogates in JSON text as it was sent: half characters, which no store can hold.

JSON may write a character as two escapes, `\ud83d\ude42`. One of them without the other is well-formed JSON that
Python's own reader accepts; msgspec calls the whole text malformed, and does not say where. So they are found in the
bytes, by a pattern that runs in C from end to end: in linear time, and without more memory.
"""

import re

# Characters, whole escapes and whole pairs, possessively: without backtracking. A backslash is consumed together with
# what it escapes, so that the `u` of `\\\\ud800` is a letter.
_WHOLE = re.compile(
    rb"""(?: [^\\]++
           | \\ (?: [^u]
                  | u (?! [dD][89a-fA-F] )
                  | u [dD][89abAB][0-9a-fA-F]{2} \\u[dD][c-fC-F][0-9a-fA-F]{2}
                )
         )*+""",
    re.VERBOSE | re.DOTALL,
)
_NEVER_IN_UTF_8 = bytes([0xC0, 0xC1, *range(0xF5, 0x100)])


def lone_surrogate(text: bytes) -> int | None:
    """Return where the first lone surrogate of well-formed JSON begins, None if there is none.

    `text`: UTF-8; the place is that of the escape's backslash.
    """
    whole = _WHOLE.match(text)
    end = 0 if whole is None else whole.end()
    return end if text.startswith(b"\\u", end) else None


class WithoutEscapes:
    """Hide the Unicode escapes of JSON text, so that nothing in them keeps the text from being split.

    The hidden text has the shape of the original, which `restored` returns for each part of it. Strings that hold
    escapes are no UTF-8 any more; msgspec does not check the strings of a value that it passes on raw (`Raw`).
    """

    def __init__(self, text: bytes) -> None:
        unused = next((byte for byte in _NEVER_IN_UTF_8 if byte not in text), None)
        self._mark = None if unused is None else bytes([unused])
        # Escaped backslashes go too: a remaining backslash is then certainly the beginning of another escape.
        mark = self._mark
        self.text = text if mark is None else text.replace(b"\\\\", mark * 2).replace(b"\\u", mark + b"u")

    def restored(self, part: bytes) -> bytes:
        """Return a part of the text as it was sent."""
        return part if self._mark is None else part.replace(self._mark, b"\\")
