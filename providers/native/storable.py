"""An embedder that refuses vectors which the database cannot hold."""

from collections.abc import Sequence

from providers.embedders.base import MISCONFIGURED, Embedder, EmbedderUnavailable, Vector
from providers.native.dimensions import NARROWER, too_wide


class StorableEmbedder(Embedder):
    """Check the vectors of another embedder: how many dimensions its model makes is not always configured."""

    def __init__(self, embedder: Embedder) -> None:
        self.model = embedder.model
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
