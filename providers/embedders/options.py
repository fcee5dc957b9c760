"""The options of embedders: what every kind knows of itself, and what an embeddings API is asked for."""

from contextlib import AbstractAsyncContextManager
from typing import Annotated

from msgspec import Meta, Struct

from observability.metrics import Metrics
from observability.secret import Secret
from providers.embedders.base import Embedder

MAX_OPENAI_BATCH = 2048  # inputs in one request, the API's own limit
Seconds = Annotated[float, Meta(gt=0, le=600)]


class EmbedderKind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The base of the settings of a kind of embedder."""

    @property
    def makes_vectors(self) -> bool:
        """Whether opening it gives an embedder."""
        return True

    @property
    def wanted_dimensions(self) -> int | None:
        """How many dimensions it is asked for, None if that is left to the model."""
        return None

    @property
    def missing(self) -> str | None:
        """What has to be installed before it can be opened, None if nothing has to."""
        return None

    def open(self, metrics: Metrics) -> AbstractAsyncContextManager[Embedder | None]:
        """Hold the embedder open for as long as the context lasts."""
        raise NotImplementedError


class OpenAIOptions(EmbedderKind, frozen=True, kw_only=True):
    """The address of the API, and what is requested of it."""

    api_key: Secret | None = None
    """The key for the embeddings API. Set it where the server asks for one."""
    base_url: str | None = None
    """The base URL of the API; without it OpenAI's own is asked. Set it to embed on a server of yours."""
    model: str = "text-embedding-ada-002"
    """The model that makes the vectors. Change it, with `former_embedders`, for one that fits your languages better."""
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    """The dimensions to ask for, where the model can shorten its vectors. Set it to save disk and time, or for a model
    whose vectors are too wide.
    """
    timeout: Seconds = 10.0
    """The seconds for one request. Raise it for a slow server."""
    batch_size: Annotated[int, Meta(ge=1, le=MAX_OPENAI_BATCH)] = MAX_OPENAI_BATCH
    """The texts in one request. Lower it to what the server takes at once."""

    @property
    def wanted_dimensions(self) -> int | None:
        """See `EmbedderKind`."""
        return self.dimensions
