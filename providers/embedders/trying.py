"""Trying an embedder: one text embedded, with what is known of the vector afterwards."""

from time import perf_counter

from msgspec import Struct

from observability.metrics import Metrics
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.options import EmbedderKind

_TEXT = "tea"


class EmbeddingResult(Struct, frozen=True, kw_only=True):
    """The model that has embedded a text, None if there is none; the length of the vector, and the seconds it took."""

    model: str | None
    dimensions: int
    seconds: float


async def embedded_by(settings: EmbedderKind, metrics: Metrics, patience: float) -> EmbeddingResult:
    """Embed one text within `patience` seconds.

    Raises:
        EmbedderUnavailable: it cannot be done, or what came is no unit vector.
    """
    async with settings.open(metrics) as embedder:
        if embedder is None:
            return EmbeddingResult(model=None, dimensions=0, seconds=0.0)
        started = perf_counter()
        [vector] = await GuardedEmbedder(embedder, patience).embed([_TEXT])
        return EmbeddingResult(model=embedder.model, dimensions=len(vector), seconds=perf_counter() - started)
