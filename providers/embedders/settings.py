"""The settings of embedders: what each kind knows of itself, and how it is opened."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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

    def open(self, metrics: Metrics) -> AbstractAsyncContextManager[Embedder | None]:
        """Hold the embedder open for as long as the context lasts."""
        raise NotImplementedError


class LocalEmbedderSettings(EmbedderKind, frozen=True, kw_only=True, tag="local"):
    """Static word embeddings that ship with the package: no network, 0.1 to 0.3 ms a text, 256 dimensions."""

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Load the model while the context lasts."""
        from providers.embedders.local import LocalEmbedder

        yield await LocalEmbedder.load(metrics)


class OpenAIEmbedderSettings(EmbedderKind, frozen=True, kw_only=True, tag="openai"):
    """Any server that speaks the OpenAI embeddings API: its address, and what is requested of it.

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

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Hold one client while the context lasts; nothing is sent yet."""
        from providers.embedders.openai import OpenAIEmbedder

        async with OpenAIEmbedder.connect(self, metrics) as embedder:
            yield embedder


class NoEmbedderSettings(EmbedderKind, frozen=True, kw_only=True, tag="none"):
    """No vectors: memories are found by their words alone."""

    @property
    def makes_vectors(self) -> bool:
        """See `EmbedderKind`."""
        return False

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:  # noqa: ARG002 - the shape they share
        """Open nothing."""
        yield None


EmbedderSettings = LocalEmbedderSettings | OpenAIEmbedderSettings | NoEmbedderSettings
