"""Filling a store with the vectors that its memories lack, and what it tells of that."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from observability.metrics import Metrics
from providers.embedding_progress import EmbeddingProgress
from providers.errors import ProviderError
from providers.keyed.vectors import StateVectors

EVERY = 30.0  # seconds, for what is known to have no vector

_log = structlog.get_logger(__name__)


async def filled_for_ever(vectors: StateVectors, fill: Callable[[], Awaitable[int]]) -> None:
    """Fill again and again, until cancelled; without an embedder there is nothing to do."""
    while vectors.model is not None:
        try:
            await fill()
        except ProviderError as error:
            _log.debug("vectors_not_filled", reason=str(error))
        await asyncio.sleep(EVERY)


class FillingReport:
    """Tell the metrics of one provider, and whoever asks, how far the filling of vectors is."""

    def __init__(self, metrics: Metrics, provider: str, model: str | None) -> None:
        self._metrics, self._provider, self._model = metrics, provider, model
        self.progress: EmbeddingProgress | None = None
        if model is not None:
            self.show(0, 0)

    def show(self, waiting: int, living: int) -> None:
        """Tell how many memories of those that live wait for a vector; there is no progress while none does."""
        if self._model is None:
            return
        embedded = max(0, living - waiting)
        progress = EmbeddingProgress(model=self._model, embedded=embedded, waiting=waiting)
        self._metrics.set_waiting(self._provider, waiting)
        self._metrics.set_embedder_change(self._provider, progress.ratio if waiting else 1.0)
        self.progress = progress if waiting else None
