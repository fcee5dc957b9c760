"""Vectors of the encoder, alone or with those of the local model beside them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Self

import numpy as np

from observability.metrics import Metrics
from providers.embedders.base import Embedder, Matrix, Vector
from providers.embedders.local import LocalEmbedder
from providers.embedders.minilm.encoder import DIMENSIONS, Encoder, runs_of
from providers.embedders.timed import TimedCalls

MODEL = "minilm/all-MiniLM-L6-v2-int8"

# The share of the encoder in a cosine of both. An inner product of such vectors is the sum of both cosines, each times
# its share. Two thirds: .1 static words, .2 of them by idf and .2 encoder found most in measurements on held-out chats.
ENCODER_SHARE = 2 / 3

# Beyond so many characters a call is in parts, each with the time limit of a call: about 2,000 tokens, 0.3 s on a
# quiet core.
SLICE_CHARS = 8_000

# Up to here a call is a short one, as nearly all questions and single memories are, and waits for no longer one.
SHORT_CHARS = 1_000


class MiniLMEmbedder(Embedder):
    """Compute in two threads of its own: one for short calls, as questions are, the other for longer ones.

    With `words` a vector is that of the local model and that of the encoder side by side, float32[640], so that single
    words have vectors; without it is float32[384].
    """

    slice_chars = SLICE_CHARS

    def __init__(
        self,
        encoder: Encoder,
        words: LocalEmbedder | None,
        metrics: Metrics,
        executors: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
    ) -> None:
        self.model = MODEL if words is None else f"{MODEL}+{words.model}"
        self._encoder, self._words = encoder, words
        self._short, self._long = executors
        self._calls = TimedCalls(metrics, "minilm")

    @classmethod
    @asynccontextmanager
    async def opened(cls, metrics: Metrics, *, words: bool, threads: int) -> AsyncIterator[Self]:
        """Hold the model and the threads while the context lasts.

        Raises:
            EmbedderUnavailable: something is not installed, or is not what is expected.
        """
        encoder = await asyncio.to_thread(Encoder.load, threads)
        local = await LocalEmbedder.load(metrics) if words else None
        with ThreadPoolExecutor(1, "minilm") as short, ThreadPoolExecutor(1, "minilm-long") as long:
            try:
                yield cls(encoder, local, metrics, (short, long))
            finally:
                for one in (short, long):
                    one.shutdown(wait=False, cancel_futures=True)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one unit-length vector per text, in order; a text that is too long counts with its beginning.

        Raises:
            EmbedderUnavailable: a text holds lone surrogates, which are not Unicode; the outcome is `rejected`.
        """
        with self._calls.timed():
            return await self._embed(texts)

    async def embed_words(self, words: Sequence[str]) -> Matrix | None:
        """Return the local model's vectors of words, with zeros in the place of the encoder's; see `Embedder`."""
        if self._words is None:
            return None
        static = await self._words.embed_words(words)
        return np.pad(static, ((0, 0), (0, DIMENSIONS)))

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        executor = self._short if sum(map(len, texts)) <= SHORT_CHARS else self._long
        tokens = await loop.run_in_executor(executor, self._encoder.tokens_of, texts)
        encoded = np.empty((len(texts), DIMENSIONS), np.float32)
        # Run by run, so that a call that is cancelled, or others that wait, need not wait for all of them.
        for places in runs_of([len(one) for one in tokens]):
            some = [tokens[place] for place in places]
            encoded[places] = await loop.run_in_executor(executor, self._encoder.vectors_of, some)
        if self._words is None:
            return list(encoded)
        static = np.stack(await self._words.embed(texts))
        return list(np.hstack((static * (1 - ENCODER_SHARE) ** 0.5, encoded * ENCODER_SHARE**0.5)))
