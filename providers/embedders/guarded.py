"""An embedder that is left alone for a while after it failed, so that no request waits for a dead one."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from providers.embedders.base import REJECTED, Embedder, EmbedderUnavailable, Vector

FIRST_PAUSE = 1.0  # seconds, doubled with every failure in a row
LONGEST_PAUSE = 30.0  # seconds


class GuardedEmbedder(Embedder):
    """Pass calls on, within `patience` seconds each, but refuse at once while pausing after a failure.

    The pause is drawn from [0.5, 1] of its length, so that replicas do not come back together.
    """

    def __init__(
        self,
        embedder: Embedder,
        patience: float,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.model = embedder.model
        self._embedder = embedder
        self._patience = patience
        self._now = now
        self._chance = chance
        self._failures = 0
        self._paused_until = 0.0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Pass on, unless pausing; see the protocol."""
        if self._now() < self._paused_until:
            raise EmbedderUnavailable("the embedder is given a pause after it failed", outcome="paused")
        try:
            async with asyncio.timeout(self._patience):
                vectors = await self._embedder.embed(texts)
        except TimeoutError as error:
            self._pause()
            raise EmbedderUnavailable(f"no vectors within {self._patience:g} s", outcome="timeout") from error
        except EmbedderUnavailable as error:
            if error.outcome != REJECTED:  # a text it will not take says nothing about the next
                self._pause()
            raise
        self._failures = 0
        return vectors

    def _pause(self) -> None:
        length = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures += 1
        self._paused_until = self._now() + length * (0.5 + 0.5 * self._chance())
