"""Opening the native provider: engine, embedders and the background task, closed in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from observability.metrics import Metrics
from providers import background
from providers.answers import NO_VECTOR
from providers.embedders.base import Embedder
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.settings import EmbedderSettings
from providers.embedders.silence import Silence
from providers.native.database import Database
from providers.native.embedding_queue import EmbeddingQueue
from providers.native.engine import open_engine, open_unpooled
from providers.native.provider import PostgresMemoryProvider
from providers.native.schema import Schema
from providers.native.settings import NativeSettings
from providers.native.storable import StorableEmbedder
from providers.native.vectors import Vectors
from providers.postgres.engine import pool_of
from providers.postgres.translate import TimeLimit, Writes, translated
from providers.replica import Replica
from providers.types import Host

# How long the embedding queue waits for the vectors of a whole batch.
_PATIENCE_OF_QUEUE = 60.0  # seconds

# An operator's migration may take long; no request waits for it.
_SCHEMA_SECONDS = 24 * 3600.0


@asynccontextmanager
async def open_native(settings: NativeSettings, host: Host) -> AsyncIterator[Replica]:
    """Hold a provider; neither the database nor the embedder need be up yet."""
    async with AsyncExitStack() as stack:
        dsn = dsn_of(settings, host.name, host.data_dir)
        engine = await stack.enter_async_context(open_engine(dsn, settings))
        unpooled = await stack.enter_async_context(open_unpooled(dsn, settings))
        waiting = stack.enter_context(host.metrics.watched_pool(host.name, lambda: pool_of(engine)))
        database = Database(engine, settings.timeout, waiting.one, unpooled=unpooled, migrate=settings.migrate)
        stack.push_async_callback(database.close)

        current = await stack.enter_async_context(_opened(settings.embedder, host.metrics))
        former = [
            await stack.enter_async_context(_opened(choice, host.metrics)) for choice in settings.former_embedders
        ]
        if any(embedder is not None for embedder in (current, *former)):
            _expect(host.metrics)
        queue = None
        # One for both guards: a pause that a server asks for applies to all of its callers here.
        silence = None if current is None else Silence(current.model)
        if current is not None and host.serves:
            # A guard of its own: a batch may take long without keeping questions from their vectors.
            patient = GuardedEmbedder(current, _PATIENCE_OF_QUEUE, silence=silence)
            queue = EmbeddingQueue(database, patient, host.metrics, host.name)
            stack.push_async_callback(background.stop, background.start(queue.run, "backlog"))
        patience = settings.embedding_patience
        vectors = Vectors(
            current and GuardedEmbedder(current, patience, silence=silence),
            [GuardedEmbedder(embedder, patience) for embedder in former if embedder is not None],
            patience,
        )
        provider = PostgresMemoryProvider(database, vectors, queue, host.clock, settings.vector_weight)
        stack.push_async_callback(provider.close)
        yield provider


@asynccontextmanager
async def opened_schema(settings: NativeSettings, name: str, data_dir: Path) -> AsyncIterator[Schema]:
    """Hold the schema alone, for the commands that look after it; errors are those of a provider.

    Raises:
        Unavailable: the database cannot be reached, or fails meanwhile.
    """
    async with (
        open_engine(dsn_of(settings, name, data_dir), settings) as engine,
        translated(TimeLimit(_SCHEMA_SECONDS), Writes.PERHAPS),
    ):
        yield Schema(engine)


def dsn_of(settings: NativeSettings, name: str, data_dir: Path) -> str:
    """Return the DSN to connect to: the configured one, or that of the embedded server of the provider of this name."""
    if settings.dsn is not None:
        return settings.dsn.reveal()
    from providers.native.embedded import EmbeddedServer, folder_of

    return EmbeddedServer(folder_of(data_dir, name)).dsn


@asynccontextmanager
async def _opened(settings: EmbedderSettings, metrics: Metrics) -> AsyncIterator[Embedder | None]:
    async with settings.open(metrics) as embedder:
        yield embedder and StorableEmbedder(embedder)


def _expect(metrics: Metrics) -> None:
    """Create the children of the counter of degraded answers, so that `rate()` sees zeros before the first event."""
    for operation in ("recall", "recall_many"):
        metrics.degraded.labels(operation, NO_VECTOR)
