"""How far a store is with vectors of another model."""

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
