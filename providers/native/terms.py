"""Terms of memories and of questions as sparse vectors, in the binary form of pgvector's type sparsevec.

A term is one dimension: its hash. A memory has 1 at each of its terms; a question has a number of its own at each term
of a word, from which the inner product is made (see `providers/native/search.py`).

The first dimension is no term. There a memory has the language it was analyzed in, as a number so small that neither
its length nor any other product knows of it; 0 tells that the database made the vector, of English lexemes, as it does
for the version before this one. Their hashes are the same, so that each version finds what the other one has stored
wherever a term is a lexeme as well.
"""

import sys
from array import array
from collections.abc import Mapping
from struct import Struct as Layout

import asyncpg

from providers.native.distribution.hashing import hash_of
from providers.search.stored_analysis import LANGUAGES
from providers.text.analyzer import Analysis

DIMENSIONS = 1_000_000_000  # the most that pgvector has
MOST_TERMS = 15_999  # of a memory; pgvector lets a vector hold one more, which is the language
_CACHED = 65_536  # terms whose places are kept
_POSITIVE = 0x7FFFFFFF

# Dimensions, how many of them are not zero, and a number that means nothing yet; then the places, from 0 on, in
# ascending order, and the numbers there. All are big-endian.
_HEAD = Layout(">iii")
_HEAD_WITH_LANGUAGE = Layout(">iiii")
_ONE = Layout(">f").pack(1.0)
_ONES = _ONE * MOST_TERMS
_LANGUAGE_PLACE = 0
_LANGUAGE_UNIT = 2.0**-64
_LANGUAGE = {name: Layout(">f").pack(number * _LANGUAGE_UNIT) for number, name in enumerate(LANGUAGES, 1)}

# The number of a memory's language in SQL, from 1 on, 0 where the database made its terms.
LANGUAGE = f"-(CAST('{{{_LANGUAGE_PLACE + 1}:{int(1 / _LANGUAGE_UNIT)}}}/{DIMENSIONS}' AS sparsevec) <#> terms)"

# The condition of the index `ninai_memories_lexemes`.
BY_DATABASE = f"deleted_at IS NULL AND {LANGUAGE} = 0"


def dimension_of(term: str) -> int:
    """Return the dimension of a term, from 1 on: that which `ninai_lexeme_dimension` has in SQL."""
    return _place_of(term) + 1


def memory_terms(analysis: Analysis) -> bytes:
    """Return the terms of a memory, the first ones of very many."""
    terms = analysis.terms
    places = sorted(map(_place_of, terms if len(terms) <= MOST_TERMS else terms[:MOST_TERMS]))
    distinct = set(places)
    if len(distinct) < len(places) or _LANGUAGE_PLACE in distinct:  # of a billion terms one
        places = sorted(distinct - {_LANGUAGE_PLACE})
    count = len(places)
    head = _HEAD_WITH_LANGUAGE.pack(DIMENSIONS, count + 1, 0, _LANGUAGE_PLACE)
    return b"".join((head, _big_endian(array("i", places)), _LANGUAGE[analysis.language], _ONES[: count * len(_ONE)]))


def question_terms(numbers: Mapping[int, int]) -> bytes:
    """Return a vector with whole numbers at dimensions, each below 2^24."""
    dimensions = sorted(numbers)
    head = _HEAD.pack(DIMENSIONS, len(dimensions), 0)
    values = array("f", map(numbers.__getitem__, dimensions))
    return b"".join((head, _big_endian(array("i", (one - 1 for one in dimensions))), _big_endian(values)))


async def register_terms(connection: asyncpg.Connection, schema: str) -> None:
    """Have a connection take what these functions return for a sparsevec, and return the same form.

    Where pgvector in this schema has no such type, nothing is registered: then the schema is not ours either.
    """
    try:
        await connection.set_type_codec("sparsevec", schema=schema, encoder=bytes, decoder=bytes, format="binary")
    except ValueError as error:
        if not str(error).startswith("unknown type:"):
            raise


def _big_endian(numbers: "array[int] | array[float]") -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()


class _Places(dict[str, int]):
    """The places of known terms: a lookup takes half of the time of a cached call."""

    def __missing__(self, term: str) -> int:
        if len(self) >= _CACHED:  # to begin anew takes less time than to know which ones were asked for lately
            self.clear()
        place = self[term] = (hash_of(term) & _POSITIVE) % DIMENSIONS
        return place


_place_of = _Places().__getitem__
