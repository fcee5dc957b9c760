"""What the settings of every kind of embedder know of their kind."""

from contextlib import AbstractAsyncContextManager

from msgspec import Struct

from observability.metrics import Metrics
from providers.embedders.base import Embedder


class EmbedderKind(Struct, frozen=True, kw_only=True):
    """The base of the settings of a kind of embedder."""

    @property
    def makes_vectors(self) -> bool:
        """Whether opening it gives an embedder."""
        return True

    @property
    def wanted_dimensions(self) -> int | None:
        """How many dimensions it is asked for, None if that is left to the model."""
        return None

    def open(self, metrics: Metrics) -> AbstractAsyncContextManager[Embedder | None]:
        """Hold the embedder open for as long as the context lasts."""
        raise NotImplementedError
