"""Vectors from static word embeddings that ship with the package, computed in this process."""

import asyncio
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np

from observability.metrics import Metrics
from providers.embedders.base import REJECTED, Embedder, EmbedderUnavailable, Matrix, Vector
from providers.embedders.timed import TimedCalls
from providers.embedders.word_tokens import Tokenize, Tokens, WordTokens, starts_of

MODEL = "local/l2_supercat_256"

# Up to this length a call runs on the event loop. On 2 cores 1,000 characters of English took 0.35 to 0.5 ms and a hop
# to a thread and back 0.4 ms, so the hop would cost more than it saves. Scripts that the model knows badly take up to
# four times as long per character.
INLINE_CHARS = 1_000
CHARS_PER_TEXT = 32  # the fixed cost of a text, in characters: 0.02 ms

_CACHED_WORDS = 4_096  # 4 MB


class LocalEmbedder(Embedder):
    """The mean of a text's token vectors, scaled to unit length: float32[256], as `wordllama` itself computes it.

    Every text has tokens, because words outside the vocabulary are encoded as bytes; only the empty text has none, and
    is embedded as one space, so that no vector is ever zero or NaN.
    """

    def __init__(self, tokenize: Tokenize | WordTokens, token_vectors: Vector, metrics: Metrics) -> None:
        self.model = MODEL
        self._tokenize, self._token_vectors = tokenize, token_vectors
        self._word = lru_cache(maxsize=_CACHED_WORDS)(self._word_anew)
        self._calls = TimedCalls(metrics, "local")

    @classmethod
    async def load(cls, metrics: Metrics) -> Self:
        """Read the model from the installed package, in a thread: about a second, no network.

        Raises:
            EmbedderUnavailable: the package or its weights are not installed.
        """
        tokenize, token_vectors = await asyncio.to_thread(_load_model)
        return cls(tokenize, token_vectors, metrics)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one unit-length float32[256] vector per text, in order.

        Raises:
            EmbedderUnavailable: a text holds lone surrogates, which are not Unicode; the outcome is `rejected`.
        """
        with self._calls.timed():
            if sum(map(len, texts)) + CHARS_PER_TEXT * len(texts) <= INLINE_CHARS:
                return self._embed(texts)
            return await asyncio.to_thread(self._embed, texts)

    async def embed_words(self, words: Sequence[str]) -> Matrix:
        """Return the sum of the token vectors of each word, float32[words, 256]; see `Embedder`.

        It takes 0.03 ms a word at first, and nothing for a word that was asked for lately. A word that the vocabulary
        only spells, by a token for each letter or byte, has zeros: what Han, Kana or Tamil letters have in common says
        less than the letters themselves. Numbers are spelled as well, and are told apart well enough.
        """
        if not words:
            return np.empty((0, self._token_vectors.shape[1]), np.float32)
        return np.stack([self._word(word) for word in words])

    def _word_anew(self, word: str) -> Vector:
        try:
            tokens = self._tokenize(word or " ")
        except TypeError:  # as below
            tokens = []
        if len(tokens) == 0 or (len(tokens) >= len(word) and not word.isascii()):
            return np.zeros(self._token_vectors.shape[1], np.float32)
        return self._sum_of(tokens)

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        if len(texts) == 1:  # without what only many are worth
            vector = self._sum_of(self._tokens_of(texts[0]))
            vector /= math.sqrt(vector @ vector)
            return [vector]
        vectors = np.empty((len(texts), self._token_vectors.shape[1]), np.float32)
        for text, vector in zip(texts, vectors, strict=True):
            self._sum_of(self._tokens_of(text), vector)
        vectors /= np.sqrt(np.vecdot(vectors, vectors).astype(np.float64)).astype(np.float32)[:, None]
        return list(vectors)

    def _tokens_of(self, text: str) -> list[int] | Tokens:
        try:
            return self._tokenize(text or " ")
        except TypeError as error:  # how the tokenizer refuses a string that cannot be written as UTF-8
            raise EmbedderUnavailable("a text is not valid Unicode", outcome=REJECTED) from error

    def _sum_of(self, tokens: list[int] | Tokens, out: Vector | None = None) -> Vector:
        """Return the sum of the vectors of tokens, which points where their mean points; put it into `out` if given."""
        # "clip" spares a second check of indices that the vocabulary bounds already.
        total: Vector = np.add.reduce(self._token_vectors.take(tokens, axis=0, mode="clip"), axis=0, out=out)
        return total


def _load_model() -> tuple[Tokenize | WordTokens, Vector]:
    """Return the tokenizer and its float32[tokens, 256] vectors."""
    try:
        with _root_logger_left_alone():
            import wordllama
        model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    except (ImportError, OSError) as error:
        reason = "the local model is not installed: pip install 'ninaivalaigal[local]'"
        raise EmbedderUnavailable(reason, outcome="misconfigured") from error
    tokenizer = model.tokenizer
    tokenizer.no_padding()

    def tokenize(text: str) -> list[int]:
        # This method and no other: `encode` keeps the interpreter locked for the whole text. And one text a call,
        # because only a batch of several goes through the tokenizer's thread pool, which would take both cores from
        # the event loop.
        tokens: list[int] = tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
        return tokens

    starts = starts_of(tokenizer.get_vocab(with_added_tokens=False))
    return (tokenize if starts is None else WordTokens(tokenize, starts)), model.embedding


@contextmanager
def _root_logger_left_alone() -> Iterator[None]:
    """Keep `logging.basicConfig`, which wordllama calls on import, from doing anything, by adding a handler."""
    root = logging.getLogger()
    handler = logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
