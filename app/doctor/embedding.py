"""Whether an embedder embeds."""

from time import perf_counter

from msgspec import Struct

from app.doctor.examination import CHECK_SECONDS
from app.doctor.finding import CheckOutcome, error, ok, skipped
from observability.metrics import Metrics
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.settings import EmbedderSettings, NoEmbedderSettings, OpenAIEmbedderSettings
from providers.native.dimensions import NARROWER, too_wide

_TEXT = "tea"


class EmbeddingResult(Struct, frozen=True, kw_only=True):
    """The model that has embedded a text, None if there is none; the length of the vector, and the seconds it took."""

    model: str | None
    dimensions: int
    seconds: float


async def embedded_by(settings: EmbedderSettings, metrics: Metrics) -> EmbeddingResult:
    """Embed one text.

    Raises:
        EmbedderUnavailable: it cannot be done, or what came is no unit vector.
    """
    async with settings.open(metrics) as embedder:
        if embedder is None:
            return EmbeddingResult(model=None, dimensions=0, seconds=0.0)
        started = perf_counter()
        [vector] = await GuardedEmbedder(embedder, CHECK_SECONDS).embed([_TEXT])
        return EmbeddingResult(model=embedder.model, dimensions=len(vector), seconds=perf_counter() - started)


def embedder_of(settings: EmbedderSettings, embedded: EmbeddingResult, patience: float) -> CheckOutcome:
    """Return whether that is what is configured; `patience` is seconds that a request waits for its vector."""
    if isinstance(settings, NoEmbedderSettings):
        return skipped("none is configured: memories are found by their words alone")
    found = f"{embedded.model}: {embedded.dimensions} dimensions in {embedded.seconds * 1000:.1f} ms"
    wanted = settings.dimensions if isinstance(settings, OpenAIEmbedderSettings) else None
    if wanted is not None and embedded.dimensions != wanted:
        return error(f"{found}, but {wanted} are configured", "correct embedder.dimensions, or the model")
    if (reason := too_wide(embedded.dimensions)) is not None:
        return error(f"{found}, and {reason}", NARROWER)
    if embedded.seconds > patience:
        return error(
            f"{found}, and a request waits {patience:g} s", "raise timeout of the provider, or use a faster embedder"
        )
    return ok(found)
