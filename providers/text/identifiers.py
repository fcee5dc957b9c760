"""Identifiers: numbers, codes, names of code, addresses and paths, whole and in parts.

`JIRA-4821` is `jira4821`, `jira` and `4821`; `getUserById` is `getuserbyid`, `get`, `user`, `by` and `id`; `1,299.50`
is `1299.50` and `1299`; `+49 170 5551234` is `491705551234`, `49`, `170` and `5551234`.
"""

import re
import unicodedata

from msgspec import Struct

LONGEST_WHOLE = 128  # characters of an identifier that is kept whole as well
LONGEST_WORD = 64  # characters; a longer word is several, so that the stems that are cached take little memory

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DIGITS_AND_SIGNS = re.compile(r"[\d+()/: -]+")
_SHORTEST_CALL_NUMBER = 7  # digits; fewer are no telephone number, nor a date
_GROUP = 3  # digits between two separators of thousands


class Parts(Struct, frozen=True):
    """The parts of an identifier: `terms` are found as they are, `words` may be stemmed."""

    terms: tuple[str, ...]
    words: tuple[str, ...]


def parts_of(token: str) -> Parts:
    """Take an identifier apart; it has no blanks, unless it is a telephone number."""
    if _NUMBER.fullmatch(token):
        return Parts(_numbers(token), ())
    pieces = _pieces(token)
    digits = [piece for piece in pieces if piece.isdecimal()]
    words = [piece for piece in pieces if not piece.isdecimal()]
    whole = "".join(pieces)
    if _DIGITS_AND_SIGNS.fullmatch(token) and len(whole) < _SHORTEST_CALL_NUMBER:
        whole = ""
    if token[1:] in {"#", "++"}:  # C#, C++
        whole = token
    kept = (whole,) if whole and len(whole) <= LONGEST_WHOLE and len(pieces) + (whole == token) > 1 else ()
    return Parts((*kept, *digits), tuple(words))


def slices(word: str) -> list[str]:
    """Return a word, or the pieces of one that is too long."""
    return [word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)]


def is_plain(token: str) -> bool:
    """Return whether a token is one word: letters with their marks, of which only the first or all may be capital."""
    if not (token.isalpha() or all(char.isalpha() or _joins(char) for char in token)):
        return False
    return token.isupper() or token[1:] == token[1:].lower()


def _numbers(token: str) -> tuple[str, ...]:
    """Return the ways in which a number is found: with its point, whichever sign that was, and without what follows.

    Which of the signs groups thousands is known where both occur, or one occurs twice; 1.299 may be either.
    """
    runs = re.split("[.,]", token)
    if len(runs) == 1:
        return tuple(slices(token))
    signs = [char for char in token if char in ".,"]
    grouped = all(len(run) == _GROUP for run in runs[1:]) and len(runs[0]) <= _GROUP
    if len(set(signs)) == 2 and len(set(signs[:-1])) == 1:  # noqa: PLR2004 - both signs, and only the last one differs
        integer = "".join(runs[:-1])
        found = [f"{integer}.{runs[-1]}", integer]
    elif len(signs) == 1:
        found = ["".join(runs), f"{runs[0]}.{runs[1]}"] if grouped else [f"{runs[0]}.{runs[1]}", runs[0]]
    elif grouped:
        found = ["".join(runs)]
    else:
        found = [token, *runs]  # an address, a version, a date, a list
    return tuple(dict.fromkeys(piece for one in found for piece in slices(one)))


def _pieces(token: str) -> list[str]:
    """Split at signs, between letters and digits, and where a capital begins a word."""
    pieces: list[str] = []
    start = 0
    for place in range(1, len(token) + 1):
        if place < len(token) and not _borders(token, place):
            continue
        piece = token[start:place]
        if piece[0].isalnum():
            pieces += slices(piece.lower() if piece.isascii() else piece)
        start = place
    return pieces


def _borders(token: str, place: int) -> bool:
    """Return whether a piece ends before this place: `userId`, `JSONParser`, `h264`, `a_b`."""
    before, after = token[place - 1], token[place]
    if not after.isalnum() and not before.isalnum():
        return False
    if before.isdecimal() != after.isdecimal() or before.isalnum() != (after.isalnum() or _joins(after)):
        return not _joins(after)
    if not after.isupper():
        return False
    return before.islower() or (before.isupper() and token[place + 1 : place + 2].islower())


def _joins(char: str) -> bool:
    """Return whether a character is a mark or a joiner, which belongs to the letter before it."""
    return not char.isascii() and (unicodedata.category(char)[0] == "M" or char in "\u200c\u200d")
