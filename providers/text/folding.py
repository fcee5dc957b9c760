"""Folding: the many written forms of one word become one.

Compatibility forms, case, ligatures and accents are folded; the marks of scripts that cannot be read without them
(Indic vowel signs, Thai tones, the voicing marks of Kana) stay.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

# Marks on one letter: normalising sorts them by insertion, in a time that grows with the square of their number.
# Source: "Stream-Safe Text Format", Unicode Standard Annex #15.
MOST_MARKS = 30

_FIRST_MARK, _END_OF_MARKS = 0x300, 0x20000  # later ones are variation selectors, which no word needs

# Letters that no normalisation takes apart, as those without them on their keyboard write them.
_LETTERS = str.maketrans(
    {
        "œ": "oe",
        "æ": "ae",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ħ": "h",
        "\u0131": "i",
        "ł": "l",
        "ŋ": "n",
        "ŧ": "t",
        "ĸ": "k",
        "\u0640": None,  # the Arabic tatweel only stretches a line
        "\u200c": None,  # joiners shape a word from within
        "\u200d": None,
        "\u00ad": None,
    }
)

_REPLACED = re.compile(f"[{''.join(map(chr, _LETTERS))}]")

# Canonical combining classes of the marks that are dropped: the points of Hebrew, Arabic and Syriac, and all accents
# above and below. Viramas (9), nuktas (7), voicing marks (8) and the vowels and tones of Thai and Lao (103-122) stay.
_POINTS = range(10, 37)
_FIRST_ACCENT = 200

_ROUNDS = 4  # folding anew changes nothing after two; a bound, should another version of Unicode need more


def fold(text: str) -> str:
    """Return a text in its one written form; idempotent."""
    if text.isascii():
        return text.lower()
    folded = _fold_once(stream_safe(text))
    for _ in range(_ROUNDS):
        if folded.isascii():
            break  # and in lower case
        text, folded = folded, _fold_once(folded)
        if text == folded:
            break
    return folded


def without_accents(word: str) -> str:
    """Drop the marks of a casefolded word that folding drops, and replace its ligatures."""
    if word.isascii():
        return word
    kept = _accents().sub("", unicodedata.normalize("NFKD", word))
    if _REPLACED.search(kept) is not None:
        kept = kept.translate(_LETTERS)
    return unicodedata.normalize("NFC", kept)


def casefolded(word: str) -> str:
    """Return a word without regard to case, its accents kept for a stemmer that knows them."""
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", word).casefold())


def composed(text: str) -> str:
    """Return a text with compatibility forms replaced, as tokens are looked for in it."""
    return text if text.isascii() else unicodedata.normalize("NFKC", stream_safe(text))


def stream_safe(text: str) -> str:
    """Drop the marks on a letter beyond the number that any script needs."""
    if len(text) <= MOST_MARKS:
        return text
    marks = _non_starters()
    # A longer run of marks contains one of these pairs of neighbours, so few texts need the full check.
    pairs = zip(text[::MOST_MARKS], text[1::MOST_MARKS], strict=False)
    if not any(one in marks and other in marks for one, other in pairs):
        return text
    kept, run = [], 0
    for char in text:
        run = run + 1 if char in marks else 0
        if run <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


@cache
def marks() -> str:
    """Return the marks of all scripts, as ranges in a class of a regular expression."""
    return _ranges(code for code in range(_FIRST_MARK, _END_OF_MARKS) if unicodedata.category(chr(code))[0] == "M")


@cache
def _accents() -> re.Pattern[str]:
    """Return the pattern of the marks that are dropped; the search in C is many times as fast as a look at each."""
    # Few characters combine with another, and C finds them: every process that starts waits for this.
    combining = filter(unicodedata.combining, map(chr, range(_FIRST_MARK, _END_OF_MARKS)))
    return re.compile(f"[{_ranges(ord(char) for char in combining if _dropped(char))}]+")


def _ranges(codes: Iterable[int]) -> str:
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)


def _fold_once(text: str) -> str:
    return without_accents(casefolded(text))


def _dropped(char: str) -> bool:
    accent = unicodedata.combining(char)
    return accent in _POINTS or accent >= _FIRST_ACCENT


@cache
def _non_starters() -> frozenset[str]:
    """Return the characters that normalising may move: marks, and those that decompose into one, as U+FF9E does."""
    chars = map(chr, range(_FIRST_MARK, _END_OF_MARKS))
    return frozenset(char for char in chars if unicodedata.combining(unicodedata.normalize("NFKD", char)[0]))
