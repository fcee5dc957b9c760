r"""Tokens: where the words, the numbers, the identifiers and the runs of unspaced scripts of a text begin and end.

Han, Kana, Hangul, Thai, Lao, Khmer, Burmese and Tibetan are runs of bigrams: most of them put no blanks between words,
and Korean attaches its particles. `\w` leaves marks out, although Tamil cannot be written without them.
"""

import re
from functools import cache
from itertools import pairwise

from providers.text.folding import composed, marks

LONGEST_TEXT = 65_536  # characters that are read; beyond lies what no memory may be as long as

# The scripts of bigrams, as ranges in a class of a regular expression.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecf\u0f40-\u0fbc\u1000-\u103f\u1050-\u109f\u1100-\u11ff\u1780-\u17d3"
    "\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003fffd"
)

# What joins two pieces of one identifier. An apostrophe does so as well; only what stands behind it tells its meaning.
_JOINTS = r"(?:://|:\\|[-./:@+#&=?%~\\'\u2019])"

# With a country's number or the zero of a long-distance call, and with blanks or signs between groups of digits.
_CALL_NUMBER = r"\+\d{1,3}(?:[ ()/-]{1,3}\d{1,12}){1,6}(?!\w)|\(?0\d{1,5}\)?(?:[ /-]{1,3}\d{2,12}){1,5}(?!\w)"

_NUMBERS = re.compile(r"\d,\d|[+(0]\d|\d\.\d")  # where one of these may be


def tokens_of(text: str) -> list[str]:
    """Return the tokens of the first `LONGEST_TEXT` characters, in their order."""
    text = composed(text[:LONGEST_TEXT])
    numbers = has_numbers(text)
    if text.isascii():
        return _ascii_tokens(numbers).findall(text)
    tokens = _tokens(numbers).findall(text)
    if _unspaced().search(text) is None:
        return tokens
    return [run for token in tokens for run in ((token,) if token.isascii() else _runs().findall(token))]


def has_numbers(text: str) -> bool:
    """Return whether a token of a text may be a number with signs in it; only such a one may hold blanks."""
    return _NUMBERS.search(text) is not None


def is_unspaced(token: str) -> bool:
    """Return whether a token is a run of a script that is written without blanks."""
    return not token.isascii() and _unspaced().match(token) is not None


def bigrams_of(run: str) -> list[str]:
    """Return the pairs of neighbouring characters, each with its marks; a single one stays alone."""
    clusters: list[str] = _clusters().findall(run)
    if len(clusters) == 1:
        return clusters
    return [one + other for one, other in pairwise(clusters)]


@cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")


@cache
def _runs() -> re.Pattern[str]:
    """Return the pattern that takes a token apart where its script begins or ends to be one without blanks."""
    return re.compile(rf"[{_UNSPACED}][{_UNSPACED}{marks()}]*|[^\W{_UNSPACED}][^{_UNSPACED}]*")


@cache
def _clusters() -> re.Pattern[str]:
    return re.compile(rf"[^{marks()}][{marks()}]*|[{marks()}]+")


@cache
def _ascii_tokens(numbers: bool) -> re.Pattern[str]:  # noqa: FBT001 - a choice of one of two patterns
    return _pattern("[A-Za-z0-9_]+", "[A-Za-z]", numbers=numbers)


@cache
def _tokens(numbers: bool) -> re.Pattern[str]:  # noqa: FBT001 - as above
    return _pattern(rf"\w+(?:[{marks()}\u200c\u200d]+\w*)*", r"[^\W\d_]", numbers=numbers)


def _pattern(run: str, letter: str, *, numbers: bool) -> re.Pattern[str]:
    """Return the pattern of a token; what may be repeated next to each other differs, so that it is linear."""
    identifier = rf"{run}(?:{_JOINTS}{run})*(?:\+\+|#)?"
    if not numbers:  # which most texts have not, and then the search is three times as fast
        return re.compile(identifier)
    number = r"\d+(?:[.,]\d+)+(?![\w@:/-])"
    return re.compile(rf"(?={letter}){identifier}|{number}|(?<![\w.+])(?:{_CALL_NUMBER})|{identifier}")
