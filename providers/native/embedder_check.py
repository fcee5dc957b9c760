"""The check whether an embedder embeds."""

from time import perf_counter

from msgspec import Struct

from observability.metrics import Metrics
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.options import EmbedderKind
from providers.examination.outcome import CheckOutcome, error, ok, skipped
from providers.native.dimensions import NARROWER, too_wide

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


def embedder_of(settings: EmbedderKind, embedded: EmbeddingResult, patience: float) -> CheckOutcome:
    """Return whether that is what is configured; `patience` is seconds that a request waits for its vector."""
    if not settings.makes_vectors:
        return skipped("none is configured: memories are found by their words alone")
    found = f"{embedded.model}: {embedded.dimensions} dimensions in {embedded.seconds * 1000:.1f} ms"
    wanted = settings.wanted_dimensions
    if wanted is not None and embedded.dimensions != wanted:
        return error(f"{found}, but {wanted} are configured", "correct embedder.dimensions, or the model")
    if (reason := too_wide(embedded.dimensions)) is not None:
        return error(f"{found}, and {reason}", NARROWER)
    if embedded.seconds > patience:
        return error(
            f"{found}, and a request waits {patience:g} s", "raise timeout of the provider, or use a faster embedder"
        )
    return ok(found)
