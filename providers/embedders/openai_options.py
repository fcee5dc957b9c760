"""The options of an embeddings API: its address, its limits, and the vectors to request."""

from typing import Annotated

from msgspec import Meta

from observability.secret import Secret
from providers.embedders.kind import EmbedderKind

MAX_OPENAI_BATCH = 2048  # inputs in one request, the API's own limit

Seconds = Annotated[float, Meta(gt=0, le=600)]


class OpenAIOptions(EmbedderKind, frozen=True, kw_only=True):
    """The address of the API, and what is requested of it.

    `dimensions` requests shortened vectors, where the model can; `timeout` is in seconds and covers one request.
    """

    api_key: Secret | None = None
    base_url: str | None = None
    model: str = "text-embedding-ada-002"
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    timeout: Seconds = 10.0
    batch_size: Annotated[int, Meta(ge=1, le=MAX_OPENAI_BATCH)] = MAX_OPENAI_BATCH

    @property
    def wanted_dimensions(self) -> int | None:
        """See `EmbedderKind`."""
        return self.dimensions
