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
from collections.abc import Iterable, Mapping
from struct import Struct as Layout

import asyncpg

from providers.native.distribution.hashing import hash_of
from providers.search.stored_analysis import LANGUAGES

DIMENSIONS = 1_000_000_000  # the most that pgvector has
PLACE_BYTES = 4
MOST_TERMS = 15_999  # of a memory; pgvector lets a vector hold one more, which is the language
_CACHED = 65_536  # terms whose places are kept
_POSITIVE = 0x7FFFFFFF

# Dimensions, how many of them are not zero, and a number that means nothing yet; then the places, from 0 on, in
# ascending order, and the numbers there. All are big-endian.
_HEAD = Layout(">iii")
_ONE = Layout(">f").pack(1.0)
_ONES = _ONE * MOST_TERMS
_LANGUAGE_PLACE = bytes(PLACE_BYTES)  # of dimension 1
_LANGUAGE_UNIT = 2.0**-64
_LANGUAGE = {name: Layout(">f").pack(number * _LANGUAGE_UNIT) for number, name in enumerate(LANGUAGES, 1)}

# The number of a memory's language in SQL, from 1 on, 0 where the database made its terms.
LANGUAGE = f"-(CAST('{{1:{int(1 / _LANGUAGE_UNIT)}}}/{DIMENSIONS}' AS sparsevec) <#> terms)"

# The condition of the index `ninai_memories_lexemes`.
BY_DATABASE = f"deleted_at IS NULL AND {LANGUAGE} = 0"


def dimension_of(term: str) -> int:
    """Return the dimension of a term, from 1 on: that which `ninai_lexeme_dimension` has in SQL."""
    return _place_of(term) + 1


def place_of(term: str) -> bytes:
    """Return the place of a term in a vector, from 0 on, as it is sent."""
    return _place_of(term).to_bytes(PLACE_BYTES, "big")


def memory_terms(places: Iterable[bytes], language: str) -> bytes:
    """Return the terms of a memory in this language, of up to `MOST_TERMS` places; empty ones do not count."""
    distinct = set(places)
    distinct.discard(b"")
    distinct.discard(_LANGUAGE_PLACE)  # which of a billion terms one has
    # Bytes have the order of the numbers, as these are big-endian and none is negative.
    sent = b"".join(sorted(distinct))
    head = _HEAD.pack(DIMENSIONS, len(distinct) + 1, 0)
    return b"".join((head, _LANGUAGE_PLACE, sent, _LANGUAGE[language], _ONES[: len(distinct) * len(_ONE)]))


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
