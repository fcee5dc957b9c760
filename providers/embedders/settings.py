"""How an embedder is configured, and how it is opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from msgspec import Meta, Struct

from observability.metrics import Metrics
from observability.secret import Secret
from providers.embedders.base import Embedder

MAX_OPENAI_BATCH = 2048  # inputs in one request, the API's own limit

Seconds = Annotated[float, Meta(gt=0, le=600)]


class LocalEmbedderSettings(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="local"
):
    """Static word embeddings that ship with the package: no network, 0.1 to 0.3 ms a text, 256 dimensions."""

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Load the model for as long as the context lasts."""
        from providers.embedders.local import LocalEmbedder

        yield await LocalEmbedder.load(metrics)


class OpenAIEmbedderSettings(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="openai"
):
    """Any server that speaks the OpenAI embeddings API.

    `dimensions` asks for shortened vectors, where the model can; `timeout` is in seconds and covers one request.
    """

    api_key: Secret | None = None
    base_url: str | None = None
    model: str = "text-embedding-ada-002"
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    timeout: Seconds = 10.0
    batch_size: Annotated[int, Meta(ge=1, le=MAX_OPENAI_BATCH)] = MAX_OPENAI_BATCH

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Hold one client for as long as the context lasts; nothing is sent yet."""
        from providers.embedders.openai import OpenAIEmbedder

        async with OpenAIEmbedder.connect(self, metrics) as embedder:
            yield embedder


class NoEmbedderSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="none"):
    """No vectors: memories are found by their words alone."""

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:  # noqa: ARG002 - the shape they share
        """Open nothing."""
        yield None


EmbedderSettings = LocalEmbedderSettings | OpenAIEmbedderSettings | NoEmbedderSettings
