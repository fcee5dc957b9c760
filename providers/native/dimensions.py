"""The limit on the dimensions of a vector that is to be stored."""

from collections.abc import Sequence

from providers.embedders.base import MISCONFIGURED, Embedder, EmbedderUnavailable, Matrix, Vector

# What pgvector's halfvec holds, the type that vectors are stored in; source: its README, "Half-Precision Vectors".
MAX_DIMENSIONS = 16_000

# What an operator does about a model that makes more.
NARROWER = "set embedder.dimensions to fewer, if the model can shorten its vectors, or take another model"


def too_wide(dimensions: int) -> str | None:
    """Return why vectors of so many dimensions cannot be stored, None if they can be."""
    if dimensions <= MAX_DIMENSIONS:
        return None
    return f"{dimensions} dimensions are more than the {MAX_DIMENSIONS} that pgvector holds"


class StorableEmbedder(Embedder):
    """Check the vectors of another embedder: how many dimensions its model makes is not always configured."""

    def __init__(self, embedder: Embedder) -> None:
        self.model, self.slice_chars = embedder.model, embedder.slice_chars
        self._embedder = embedder

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder`.

        Raises:
            EmbedderUnavailable: also for vectors of too many dimensions, and then its outcome is `misconfigured`.
        """
        vectors = await self._embedder.embed(texts)
        for vector in vectors:
            if (reason := too_wide(len(vector))) is not None:
                raise EmbedderUnavailable(f"{reason}: {NARROWER}", outcome=MISCONFIGURED)
        return vectors

    async def embed_words(self, words: Sequence[str]) -> Matrix | None:
        """See `Embedder`; these are not stored."""
        return await self._embedder.embed_words(words)
