"""What the analyzer finds in a memory, in the two forms that the table holds beside its text.

Most pieces of texts are known from other texts. Of those the table needs no terms, but only what it has of each: its
place in a vector, and its hash.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Self

from msgspec import Struct

from providers.native.terms import MOST_TERMS, PLACE_BYTES, memory_terms, place_of
from providers.search.entries import text_of
from providers.search.packed_rows import HASH_BYTES, hash_bytes
from providers.search.stored_analysis import packed
from providers.text.analyzer import analyze_whole, pieces_of, terms_by_piece

_Known = tuple[bytes, bytes]  # the places of some terms, and their hashes


class AnalyzedMemory(Struct, frozen=True):
    """What an index of an owner's memories is loaded from, and what the database looks for a memory by."""

    analysis: bytes
    terms: bytes

    @classmethod
    def of(cls, content: str, speaker: str | None) -> Self:
        """Analyze a memory."""
        text = text_of(content, speaker)
        known = pieces_of(text)
        if known is None:
            found = analyze_whole(text)
            pieces, language = None, found.language
            places, hashes = _distinct([_known_of([term]) for term in found.terms])
        else:
            pieces, language = known
            places, hashes = _distinct(list(map(_by_piece.within(language), pieces)))
        said = pieces if text is content else None
        return cls(packed(language, hashes, content, speaker, said), memory_terms(places, language))


def analysis_column(memory: AnalyzedMemory | None) -> bytes | None:
    """Return what an index is loaded from, None for a tombstone."""
    return None if memory is None else memory.analysis


def terms_column(memory: AnalyzedMemory | None) -> bytes | None:
    """Return the terms that the database looks for a memory by, None for a tombstone."""
    return None if memory is None else memory.terms


def _known_of(terms: Iterable[str]) -> _Known:
    terms = list(terms)
    return b"".join(map(place_of, terms)), b"".join(map(hash_bytes, terms))


def _distinct(pieces: Sequence[_Known]) -> tuple[Iterable[bytes], bytes]:
    """Return the places of the terms of pieces, the first ones of very many, and the distinct hashes in their order."""
    if not pieces:
        return (), b""
    places, of_pieces = zip(*pieces, strict=True)
    distinct = dict.fromkeys(of_pieces)
    hashes = b"".join(distinct)
    if len(hashes) == HASH_BYTES * (len(distinct) - (b"" in distinct)) and len(distinct) <= MOST_TERMS:
        return places, hashes  # as nearly always: no piece has several terms
    terms = dict(zip(_cut(of_pieces, HASH_BYTES), _cut(places, PLACE_BYTES), strict=True))
    return list(terms.values())[:MOST_TERMS], b"".join(terms)


def _cut(values: Iterable[bytes], size: int) -> Iterable[bytes]:
    return chain.from_iterable(
        (value[start : start + size] for start in range(0, len(value), size)) for value in values
    )


_by_piece = terms_by_piece(_known_of)
