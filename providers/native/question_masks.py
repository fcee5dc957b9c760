"""The words of a question as numbers in sparse vectors, so that an inner product tells which of them a memory has.

A word is looked up under its stem in the memory's language and unstemmed, and a memory may have it in both ways. So
each word has a few bits of a mask, in which the product counts them: a memory has the word if they are not all zero.
"""

from functools import lru_cache
from itertools import groupby
from typing import Self

from msgspec import Struct

from providers.native.terms import dimension_of, question_terms
from providers.search.stored_analysis import LANGUAGES
from providers.text.analyzer import QuestionWord, question_words
from providers.text.languages import DEFAULT_LANGUAGE, script_language
from providers.text.stemming import accented_stem

# A float32 holds integers exactly up to 2^24, and pgvector sums an inner product in float32.
BITS_PER_MASK = 24

# Of the words of a question, in the order they stand in it, those are matched that have room in so many masks: each
# word has one or two bits, so at least 48 words.
MOST_MASKS = 4

_PAIR = 2  # masks in one bigint

_CACHED = 4_096  # words whose dimensions are kept

Dimensions = tuple[tuple[int, ...], ...]
_Placed = tuple[int, Dimensions]  # the first bit of a word in all masks together, and its dimensions


class QuestionMasks(Struct, frozen=True):
    """What is bound of a question: lists of one value for each word, and a list of masks.

    `lexemes` are the dimensions of what PostgreSQL's parser makes of such a word, `shifts` and `widths` tell their bits
    in all masks together. Each mask is a list of vectors, one for memories in each language of `LANGUAGES`, or missing:
    there are two or four of them, so that few statements differ by that.
    """

    lexemes: list[int]
    may_be_empty: list[bool]
    shifts: list[int]
    widths: list[int]
    masks: list[list[bytes] | None]

    @classmethod
    def of(cls, question: str) -> Self:
        """Return the masks of a question."""
        found = cls([], [], [], [], [])
        placed: list[_Placed] = []
        for word in question_words(question):
            dimensions = _dimensions_of(word)
            width = max(map(len, dimensions)).bit_length()
            shift = found.shifts[-1] + found.widths[-1] if placed else 0
            if shift % BITS_PER_MASK + width > BITS_PER_MASK:
                shift += -shift % BITS_PER_MASK
            if shift + width > MOST_MASKS * BITS_PER_MASK:
                break
            found.lexemes.append(_lexeme_of(word))
            found.may_be_empty.append(word.may_be_empty)
            found.shifts.append(shift)
            found.widths.append(width)
            placed.append((shift, dimensions))
        found.masks.extend(_vectors(list(some)) for _, some in groupby(placed, lambda one: one[0] // BITS_PER_MASK))
        found.masks.extend([None] * max(_PAIR - len(found.masks), len(found.masks) % _PAIR))
        return found


def _vectors(placed: list[_Placed]) -> list[bytes]:
    """Return a mask of words; most languages have the stems of some other one, and so its vector."""
    shifts = [shift % BITS_PER_MASK for shift, _ in placed]
    by_language = list(zip(*(dimensions for _, dimensions in placed), strict=True))
    known = {of_words: _vector(shifts, of_words) for of_words in set(by_language)}
    return [known[of_words] for of_words in by_language]


def _vector(shifts: list[int], of_words: tuple[tuple[int, ...], ...]) -> bytes:
    numbers: dict[int, int] = {}
    for shift, dimensions in zip(shifts, of_words, strict=True):
        for dimension in dimensions:
            numbers[dimension] = numbers.get(dimension, 0) + (1 << shift)
    return question_terms(numbers)


@lru_cache(maxsize=_CACHED)
def _dimensions_of(word: QuestionWord) -> Dimensions:
    """Return the distinct dimensions of a word in memories of each language."""
    if not word.stemmed or script_language(word.text) is not None:
        return (_dimensions_in(word, DEFAULT_LANGUAGE),) * len(LANGUAGES)
    return tuple(_dimensions_in(word, language) for language in LANGUAGES)


def _dimensions_in(word: QuestionWord, language: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(map(dimension_of, word.terms((language,)))))


def _lexeme_of(word: QuestionWord) -> int:
    return dimension_of(accented_stem(word.text, DEFAULT_LANGUAGE) if word.stemmed else word.text)
