"""A guard around an embedder: after a failure it refuses calls for a while, so that no request waits for a dead one."""

import random
import time
from collections.abc import Callable, Sequence

import numpy as np

from observability import tracing
from providers.embedders.base import PAUSED, REJECTED, TIMEOUT, Embedder, EmbedderUnavailable, Matrix, Vector
from providers.embedders.cooldown import Cooldown
from providers.timing.lag_tolerant import LagTolerantTimeout

FIRST_PAUSE = 1.0  # seconds, doubled with every failure in a row
LONGEST_PAUSE = 30.0  # seconds
_MOST_DOUBLINGS = 5  # 32 seconds
_TOLERANCE = 0.01  # of a unit vector's squared length; half precision costs up to 0.001


class GuardedEmbedder(Embedder):
    """Pass calls on, within `patience` seconds each, but refuse them at once during the pause after a failure.

    The lag of this process itself does not count against the embedder.

    The pause is drawn from [0.5, 1] of its length, so that replicas do not retry at the same moment. After it a single
    call tries; the others are refused until that one has succeeded. If an embedder asks for a longer pause, every guard
    that shares the `cooldown` keeps it instead.
    """

    def __init__(
        self,
        embedder: Embedder,
        patience: float,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        *,
        cooldown: Cooldown | None = None,
    ) -> None:
        self.model, self.slice_chars = embedder.model, embedder.slice_chars
        self._embedder, self._patience = embedder, patience
        self._cooldown = cooldown or Cooldown(embedder.model, now, chance)
        self._now, self._chance = now, chance
        self._failures = 0
        self._paused_until = 0.0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Pass the call on, unless pausing; see `Embedder`."""
        started = self._now()
        if left := self._cooldown.left:
            raise EmbedderUnavailable("the embedder has asked to be left alone", outcome=PAUSED, retry_after=left)
        if started < self._paused_until:
            left = self._paused_until - started
            raise EmbedderUnavailable("the embedder is given a pause after it failed", outcome=PAUSED, retry_after=left)
        if self._failures:
            # This call tries; if it is cancelled, the next one may try soon.
            self._paused_until = started + self._patience
        pause_seen = self._paused_until
        try:
            vectors = await self._embed(texts)
        except TimeoutError as error:
            self._failed(pause_seen)
            raise EmbedderUnavailable(f"no vectors within {self._patience:g} s", outcome=TIMEOUT) from error
        except EmbedderUnavailable as error:
            if error.outcome == REJECTED:  # a refused text says nothing about the next one
                self._succeeded()
            else:
                self._failed(pause_seen, self._cooldown.heed(error))
            raise
        self._cooldown.succeeded()
        self._succeeded()
        return vectors

    async def embed_words(self, words: Sequence[str]) -> Matrix | None:
        """Pass the call on; who knows single words does so in this process. See `Embedder`."""
        return await self._embedder.embed_words(words)

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        with tracing.span("embed") as span:
            if span.recorded:
                span.set("ninai.embedder.model", self.model)
                span.set("ninai.texts", len(texts))
            async with LagTolerantTimeout(self._patience):
                vectors = await self._embedder.embed(texts)
            _check(vectors, len(texts))
            return vectors

    def _succeeded(self) -> None:
        self._failures = 0
        self._paused_until = 0.0

    def _failed(self, pause_seen: float, asked_for: float | None = None) -> None:
        if self._paused_until != pause_seen:
            return  # many calls at once fail together; that is one failure
        length = FIRST_PAUSE
        if asked_for is None:
            length = min(FIRST_PAUSE * 2 ** min(self._failures, _MOST_DOUBLINGS), LONGEST_PAUSE)
        self._failures += 1
        self._paused_until = self._now() + max(length * (0.5 + 0.5 * self._chance()), asked_for or 0.0)


def _check(vectors: Sequence[Vector], count: int) -> None:
    """Refuse vectors that are not of unit length: a zero has no direction, and PostgreSQL refuses NaN."""
    if len(vectors) != count:
        raise EmbedderUnavailable(f"{len(vectors)} vectors for {count} texts")
    for vector in vectors:
        if not abs(float(np.dot(vector, vector)) - 1.0) <= _TOLERANCE:
            raise EmbedderUnavailable("a vector is not of unit length", outcome=REJECTED)
