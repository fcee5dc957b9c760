"""An embedder of whose vectors none passes that the database could not hold."""

from collections.abc import Sequence

from providers.embedders.base import MISCONFIGURED, Embedder, EmbedderUnavailable, Vector
from providers.native.dimensions import NARROWER, too_wide


class StorableEmbedder(Embedder):
    """Pass calls on; what the model answers tells how many dimensions it makes, which is not always configured."""

    def __init__(self, embedder: Embedder) -> None:
        self.model = embedder.model
        self._embedder = embedder

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Pass on; see the protocol.

        Raises:
            EmbedderUnavailable: also for vectors of too many dimensions; then the outcome is `misconfigured`.
        """
        vectors = await self._embedder.embed(texts)
        for vector in vectors:
            if (reason := too_wide(len(vector))) is not None:
                raise EmbedderUnavailable(f"{reason}: {NARROWER}", outcome=MISCONFIGURED)
        return vectors
