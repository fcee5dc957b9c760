"""What the tests of the embedders share: one loaded model, one server, metrics of their own."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.embedders.local import LocalEmbedder
from providers.embedders.minilm.embedder import MiniLMEmbedder
from tests.support.openai_server import OpenAIServer


@pytest.fixture
def metrics() -> Metrics:
    """Instruments in a registry of their own."""
    return Metrics(CollectorRegistry())


@pytest.fixture(scope="session")
async def loaded() -> LocalEmbedder:
    """The local model, loaded once."""
    return await LocalEmbedder.load(Metrics(CollectorRegistry()))


@pytest.fixture(scope="session")
async def encoding() -> AsyncIterator[MiniLMEmbedder]:
    """The sentence encoder with the local model beside it, loaded once."""
    async with MiniLMEmbedder.opened(Metrics(CollectorRegistry()), words=True, threads=1) as embedder:
        yield embedder


@pytest.fixture
async def server(loaded: LocalEmbedder) -> AsyncIterator[OpenAIServer]:
    """An embeddings server that behaves until it is told otherwise."""
    async with OpenAIServer(model=loaded) as server:
        yield server
