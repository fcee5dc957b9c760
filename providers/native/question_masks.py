"""The words of a question as numbers in sparse vectors, so that an inner product tells which of them a memory has.

A word is looked up under its stem in the memory's language and unstemmed, and a memory may have it in both ways. So
each word has a few bits of a mask, in which the product counts them: a memory has the word if they are not all zero.
"""

from collections import defaultdict
from functools import lru_cache
from typing import Self

from msgspec import Struct

from providers.native.terms import dimension_of, question_terms
from providers.search.stored_analysis import LANGUAGES
from providers.text.analyzer import QuestionWord, question_words
from providers.text.languages import DEFAULT_LANGUAGE
from providers.text.stemming import accented_stem

# A float32 holds integers exactly up to 2^24, and pgvector sums an inner product in float32.
BITS_PER_MASK = 24

# Of the words of a question, in the order they stand in it, those are matched that have room in so many masks: each
# word has one or two bits, so at least 48 words.
MOST_MASKS = 4

_PAIR = 2  # masks in one bigint

_CACHED = 4_096  # words whose dimensions are kept

Dimensions = tuple[tuple[int, ...], ...]


class QuestionMasks(Struct, frozen=True):
    """What is bound of a question: lists of one value for each word, and a list of masks.

    `lexemes` are the dimensions of what PostgreSQL's parser makes of such a word, `shifts` and `widths` tell their bits
    in all masks together. Each mask is a list of vectors, one for memories in each language of `LANGUAGES`, or empty:
    there are two or four of them, so that few statements differ by that.
    """

    lexemes: list[int]
    may_be_empty: list[bool]
    shifts: list[int]
    widths: list[int]
    masks: list[list[bytes]]

    @classmethod
    def of(cls, question: str) -> Self:
        """Return the masks of a question."""
        found = cls([], [], [], [], [])
        numbers: list[list[dict[int, int]]] = []
        end = 0
        for word in question_words(question):
            dimensions = _dimensions_of(word)
            width = max(map(len, dimensions)).bit_length()
            shift = end if end % BITS_PER_MASK + width <= BITS_PER_MASK else -(-end // BITS_PER_MASK) * BITS_PER_MASK
            end = shift + width
            if end > MOST_MASKS * BITS_PER_MASK:
                break
            if shift // BITS_PER_MASK == len(numbers):
                numbers.append([defaultdict(int) for _ in LANGUAGES])
            found.lexemes.append(_lexeme_of(word))
            found.may_be_empty.append(word.may_be_empty)
            found.shifts.append(shift)
            found.widths.append(width)
            for of_language, some in zip(numbers[-1], dimensions, strict=True):
                for dimension in some:
                    of_language[dimension] += 1 << shift % BITS_PER_MASK
        found.masks.extend([question_terms(of_language) for of_language in mask] for mask in numbers)
        found.masks.extend([] for _ in range(max(_PAIR - len(numbers), len(numbers) % _PAIR)))
        return found


@lru_cache(maxsize=_CACHED)
def _dimensions_of(word: QuestionWord) -> Dimensions:
    """Return the distinct dimensions of a word in memories of each language."""
    return tuple(tuple(dict.fromkeys(dimension_of(term) for term in word.terms((language,)))) for language in LANGUAGES)


def _lexeme_of(word: QuestionWord) -> int:
    return dimension_of(accented_stem(word.text, DEFAULT_LANGUAGE) if word.stemmed else word.text)
