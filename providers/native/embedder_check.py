"""The check whether an embedder embeds."""

from providers.embedders.options import EmbedderKind
from providers.embedders.trying import EmbeddingResult
from providers.examination.outcome import CheckOutcome, error, ok, skipped
from providers.native.dimensions import NARROWER, too_wide


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
