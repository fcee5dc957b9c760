"""What the analyzer found in a memory, as bytes that a store keeps beside it, so that an index loads without the text.

The bytes are a head, the folded name of the speaker, and the hashes of the terms, 5 bytes each. The head has the
version of the analyzer, the number of the language, the bytes of the name, and a hash of the folded content. Numbers
are little-endian.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from struct import Struct as Layout

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.search.entries import said_by, text_of
from providers.search.packed_rows import HASH_BYTES, hash_bytes
from providers.text.analyzer import ANALYZER_VERSION, Analysis, analyze
from providers.text.folding import fold
from providers.text.languages import STOP_WORDS

# Their order is a part of what is stored: another one wants another version of the analyzer.
LANGUAGES = tuple(STOP_WORDS)
_NUMBERS = {language: number for number, language in enumerate(LANGUAGES)}

_HEAD = Layout("<BBHq")
_HEAD_TYPE = np.dtype([("version", "u1"), ("language", "u1"), ("name", "<u2"), ("content", "<i8")])
_CONTENT_HASH_BYTES = 8
_HASH_MASK = np.uint64((1 << 8 * HASH_BYTES) - 1)
_ROOM = bytes(8)  # after the last hash, to read a whole number there


class Analyses(Struct, frozen=True):
    """Several analyses: a number or a name for each memory, and all terms in one array, with the memory of each.

    `contents` are hashes of the folded contents, `languages` are places in `LANGUAGES`, `lengths` count distinct terms.
    """

    contents: NDArray[np.int64]
    languages: NDArray[np.int64]
    lengths: NDArray[np.int64]
    names: Sequence[str | None]
    terms: NDArray[np.uint64]
    memories: NDArray[np.int64]


def stored_analysis(content: str, speaker: str | None) -> bytes:
    """Analyze a memory, and return what is stored of that."""
    return packed_analysis(analysis_of(content, speaker), content, speaker)


def analysis_of(content: str, speaker: str | None) -> Analysis:
    """Analyze a memory."""
    return analyze(text_of(content, speaker))


def packed_analysis(analysis: Analysis, content: str, speaker: str | None) -> bytes:
    """Return what is stored of the analysis of a memory."""
    return packed(analysis.language, b"".join(map(hash_bytes, analysis.terms)), content, speaker)


def packed(
    language: str, hashes: bytes, content: str, speaker: str | None, pieces: Iterable[str] | None = None
) -> bytes:
    """Return the same of a language and the hashes of the terms, 5 bytes each.

    `pieces` are what stands between the blanks of a content of nothing but ASCII, where that is known.
    """
    name = (said_by(content, speaker) or "").encode(errors="surrogatepass")
    mark = fingerprint(content) if pieces is None else _hash_of(" ".join(pieces).lower())
    return b"".join((_HEAD.pack(ANALYZER_VERSION, _NUMBERS[language], len(name), mark), name, hashes))


def fingerprint(content: str) -> int:
    """Return a hash of a content that is the same for contents that differ in case, accents and blanks alone."""
    return _hash_of(" ".join(fold(content).split()))


def _hash_of(folded: str) -> int:
    digest = blake2b(folded.encode(errors="surrogatepass"), digest_size=_CONTENT_HASH_BYTES).digest()
    return int.from_bytes(digest, "little", signed=True)


def analyses_of(packed: bytes, lengths: NDArray[np.int64]) -> Analyses:
    """Return analyses that are packed one after the other, with the bytes of each; all are of this version."""
    found = np.frombuffer(packed + _ROOM, np.uint8)
    starts = np.cumsum(lengths) - lengths
    heads = found[starts[:, None] + np.arange(_HEAD.size)].view(_HEAD_TYPE)[:, 0]
    named = heads["name"].astype(np.int64)
    counts = (lengths - _HEAD.size - named) // HASH_BYTES
    memories = np.repeat(np.arange(len(lengths)), counts)
    before = np.cumsum(counts) - counts
    at = np.repeat(starts + _HEAD.size + named - HASH_BYTES * before, counts)
    at += HASH_BYTES * np.arange(len(memories))
    # A number at every byte: each takes the bytes after a hash with it, which are cut off.
    numbers = np.ndarray(len(found) - len(_ROOM) + 1, "<u8", found.data, strides=(1,))
    terms = (numbers[at] & _HASH_MASK).astype(np.uint64)
    names: list[str | None] = [None] * len(lengths)
    for place in np.flatnonzero(named).tolist():
        start = int(starts[place]) + _HEAD.size
        names[place] = packed[start : start + int(named[place])].decode(errors="surrogatepass")
    return Analyses(
        heads["content"].astype(np.int64), heads["language"].astype(np.int64), counts, names, terms, memories
    )
