"""The tokens of texts, put together from those of their words, most of which were there before."""

import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int64]
Tokenize = Callable[[str], list[int]]

BLANK = "▁"  # what the tokenizer writes for a blank
MOST_WORDS = 16_384  # that are remembered; 3 MB
MOST_CHARS = 32  # of a word that is remembered

# The tokenizer joins nothing across a single blank. Several are one token, and a name in angle brackets may be one.
_NOT_BY_WORDS = re.compile(f"^$|^ |  | $|[{BLANK}<]")


class WordTokens:
    """Return the very tokens that `tokenize` returns, which is asked only for words that were not there lately.

    `starts` tells for each token whether a word begins with it. Several threads may ask at once.
    """

    def __init__(self, tokenize: Tokenize, starts: Sequence[bool]) -> None:
        self._tokenize, self._starts = tokenize, starts
        self._known: dict[str, bytes] = {}  # tokens as int64

    def __call__(self, text: str) -> Tokens:
        """Return the tokens of a text; raise what `tokenize` raises."""
        words = text.split(" ")
        known = self._known  # in one call the same, and what is in it stays
        try:
            # A text whose words are all known has nothing that is not by words: no such thing is in a known word.
            found = b"".join(map(known.__getitem__, words))
        except KeyError:
            if _NOT_BY_WORDS.search(text) or max(map(len, words)) > MOST_CHARS:
                return np.array(self._tokenize(text), np.int64)
            found = b"".join(map(self._with_those_of(words).__getitem__, words))
        return np.frombuffer(found, np.int64)

    def _with_those_of(self, words: Sequence[str]) -> Mapping[str, bytes]:
        """Return known words with their tokens, all of these words among them."""
        known = self._known
        missing = [word for word in dict.fromkeys(words) if word not in known]
        if len(known) + len(missing) > MOST_WORDS:
            known = self._known = {}
            missing = list(dict.fromkeys(words))
        known.update(zip(missing, self._by_word(" ".join(missing)), strict=True))
        return known

    def _by_word(self, text: str) -> Iterator[bytes]:
        """Yield the tokens of each word; all are found at once, since each call of the tokenizer costs as much."""
        word = array("q")
        for token in self._tokenize(text):
            if self._starts[token] and word:
                yield word.tobytes()
                word = array("q")
            word.append(token)
        yield word.tobytes()


def starts_of(vocabulary: Mapping[str, int]) -> list[bool] | None:
    """Return for each token whether a word begins with it; None if there are tokens that span several words."""
    if any(BLANK in token.lstrip(BLANK) for token in vocabulary):
        return None
    starts = [False] * (max(vocabulary.values()) + 1)
    for token, number in vocabulary.items():
        starts[number] = token.startswith(BLANK)
    return starts
