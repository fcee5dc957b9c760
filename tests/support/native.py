"""The native provider opened on a test's database, with embedders that behave as a test wants them to."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from zlib import crc32

import numpy as np
from msgspec import Struct
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from observability.secret import Secret
from providers.embedders.base import REJECTED, TIMEOUT, Embedder, EmbedderUnavailable, Matrix, Vector
from providers.embedders.settings import EmbedderSettings, NoEmbedderSettings
from providers.host import Host
from providers.native.provider import PostgresMemoryProvider
from providers.native.settings import NativeSettings
from providers.states.clock import HybridClock


class HashingEmbedder(Embedder):
    """Texts are near as far as they share words: each word is a random direction, each text the sum of its words'.

    `synonyms` maps a word to the one it means the same as. Unit-length float32[dims].
    """

    def __init__(self, dims: int = 64, model: str = "test/hashing", synonyms: Mapping[str, str] | None = None) -> None:
        self.model = model
        self._dims = dims
        self._synonyms = dict(synonyms or {})

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one vector per text, the same every time."""
        return [self.vector_of(text) for text in texts]

    def vector_of(self, text: str) -> Vector:
        """Return the vector of one text."""
        total = np.zeros(self._dims, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()) or [text]:
            meaning = self._synonyms.get(word, word)
            total += np.random.default_rng(crc32(meaning.encode())).standard_normal(self._dims, dtype=np.float32)
        return total / np.float32(np.linalg.norm(total))


class FickleEmbedder(Embedder):
    """An embedder that can be switched off and on, made to hang, and that refuses some texts.

    `asked` counts calls; `hanging` holds every call until it is cancelled, and `held` has the texts of those that hang
    now; texts that hold a word of `poison` are refused together with all others of their call, as an HTTP API does it;
    over those that hold a word of `fatal` it breaks, as a server does that ends with its answer. `slow_beyond` is the
    number of texts from which on a call takes longer than anybody waits.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder or HashingEmbedder()
        self.model = self._embedder.model
        self.down = False
        self.hanging = False
        self.poison: set[str] = set()
        self.fatal: set[str] = set()
        self.slow_beyond: int | None = None
        self.asked = 0
        self.held: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Pass the texts on, as far as the switches let it."""
        self.asked += 1
        if self.hanging:
            self.held += texts
            try:
                await asyncio.Event().wait()
            finally:
                for text in texts:
                    self.held.remove(text)
        if self.down:
            raise EmbedderUnavailable("switched off")
        if self.slow_beyond is not None and len(texts) > self.slow_beyond:
            raise EmbedderUnavailable("too slow", outcome=TIMEOUT)
        if any(word in text for text in texts for word in self.fatal):
            raise EmbedderUnavailable("broken")
        if any(word in text for text in texts for word in self.poison):
            raise EmbedderUnavailable("a text is refused", outcome=REJECTED)
        return await self._embedder.embed(texts)


class SlowEmbedder(HashingEmbedder):
    """An embedder that takes seconds for every text, by `sleep`; `sizes` has the characters of each call."""

    def __init__(self, seconds: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        super().__init__()
        self._seconds = seconds
        self._sleep = sleep
        self.sizes: list[int] = []

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Take the time, then embed."""
        self.sizes.append(sum(map(len, texts)))
        await self._sleep(self._seconds * len(texts))
        return await super().embed(texts)


class GatedEmbedder(Embedder):
    """Another embedder, whose calls of several texts each wait for a permit; `calls` counts those that had one."""

    def __init__(self, embedder: Embedder, permits: int = 0) -> None:
        self.model = embedder.model
        self.calls = 0
        self._embedder = embedder
        self._gate = asyncio.Semaphore(permits)

    def permit(self, calls: int) -> None:
        """Let so many more calls pass."""
        for _ in range(calls):
            self._gate.release()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Wait for a permit, then embed."""
        if len(texts) > 1:
            await self._gate.acquire()
            self.calls += 1
        return await self._embedder.embed(texts)

    async def embed_words(self, words: Sequence[str]) -> Matrix | None:
        """See `Embedder`."""
        return await self._embedder.embed_words(words)


class ShortenedEmbedder(Embedder):
    """The first dimensions of another embedder's vectors, of unit length: a model of its own."""

    def __init__(self, embedder: Embedder, dims: int) -> None:
        self.model = f"{embedder.model}@{dims}"
        self._embedder, self._dims = embedder, dims

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return float32[dims] per text."""
        vectors = [vector[: self._dims] for vector in await self._embedder.embed(texts)]
        return [np.asarray(vector / np.linalg.norm(vector), np.float32) for vector in vectors]

    async def embed_words(self, words: Sequence[str]) -> Matrix | None:
        """See `Embedder`."""
        vectors = await self._embedder.embed_words(words)
        return None if vectors is None else vectors[:, : self._dims]


class LentEmbedder(Struct, frozen=True):
    """Embedder settings that open to an embedder which is there already."""

    embedder: Embedder

    @asynccontextmanager
    async def open(self, _metrics: Metrics) -> AsyncIterator[Embedder | None]:
        """Yield it."""
        yield self.embedder


def host_for(data_dir: Path = Path("/nonexistent"), clock: HybridClock | None = None) -> Host:
    """Return the host that a process passes to a provider, with a registry of its own."""
    return Host(name="native", data_dir=data_dir, metrics=Metrics(CollectorRegistry()), clock=clock or HybridClock())


def native_settings(
    dsn: str, embedder: Embedder | None = None, former: Sequence[Embedder] = (), **others: object
) -> NativeSettings:
    """Return settings for a database and embedders that exist; without an embedder there are no vectors."""
    current: Any = NoEmbedderSettings() if embedder is None else LentEmbedder(embedder)
    return NativeSettings(
        dsn=Secret(dsn),
        embedder=cast("EmbedderSettings", current),
        former_embedders=cast("list[EmbedderSettings]", [LentEmbedder(one) for one in former]),
        **cast("dict[str, Any]", others),
    )


@asynccontextmanager
async def open_native_provider(
    dsn: str,
    embedder: Embedder | None = None,
    former: Sequence[Embedder] = (),
    *,
    host: Host | None = None,
    **others: object,
) -> AsyncIterator[PostgresMemoryProvider]:
    """Hold a provider on a database; `others` are fields of its settings."""
    async with native_settings(dsn, embedder, former, **others).open(host or host_for()) as provider:
        assert isinstance(provider, PostgresMemoryProvider)
        yield provider


def waiting_of(host: Host) -> float:
    """Return the value of the gauge of memories without a vector."""
    return host.metrics.registry.get_sample_value("ninai_embeddings_waiting", {"provider": host.name}) or 0.0


def refused_of(host: Host) -> float:
    """Return the value of the counter of memories whose text was refused."""
    return host.metrics.registry.get_sample_value("ninai_embeddings_refused_total", {"provider": host.name}) or 0.0
