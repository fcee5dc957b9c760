"""How far a store is with vectors of another model."""

from typing import Protocol

from msgspec import Struct


class EmbeddingProgress(Struct, frozen=True, kw_only=True):
    """How many memories have a vector of `model`, and how many wait for one, while others answer by the former."""

    model: str
    embedded: int
    waiting: int

    @property
    def ratio(self) -> float:
        """The share of the memories that have one, in [0, 1]."""
        return self.embedded / max(1, self.embedded + self.waiting)


class EmbeddingReport(Protocol):
    """What a store tells of its vectors."""

    @property
    def embedding_progress(self) -> EmbeddingProgress | None:
        """How far this process is with vectors of another model, None while no embedder is exchanged."""
        return None
