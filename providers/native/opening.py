"""Opening the native provider: engine, embedders and the background task, closed in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from observability import notes
from observability.metrics import Metrics
from providers import background
from providers.embedders.base import Embedder
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.settings import EmbedderSettings
from providers.embedders.silence import Silence
from providers.native.backlog import Backlog
from providers.native.database import Database
from providers.native.engine import open_aside, open_engine
from providers.native.provider import PostgresMemoryProvider
from providers.native.schema import Schema
from providers.native.settings import NativeSettings
from providers.native.storable import StorableEmbedder
from providers.native.vectors import Vectors
from providers.postgres.engine import pool_of
from providers.postgres.translate import PossibleWrites, TimeLimit, translated
from providers.replica import Replica
from providers.types import Host

# How long the background task waits for the vectors of a whole batch.
_PATIENCE_OF_BACKLOG = 60.0  # seconds

# An operator's migration may take long; nobody waits for it in a request.
_SCHEMA_SECONDS = 24 * 3600.0


@asynccontextmanager
async def open_native(settings: NativeSettings, host: Host) -> AsyncIterator[Replica]:
    """Give a provider; neither the database nor the embedder need be up yet."""
    async with AsyncExitStack() as stack:
        dsn = dsn_of(settings, host.name, host.data_dir)
        engine = await stack.enter_async_context(open_engine(dsn, settings))
        aside = await stack.enter_async_context(open_aside(dsn, settings))
        waiting = stack.enter_context(host.metrics.watched_pool(host.name, lambda: pool_of(engine)))
        database = Database(engine, settings.timeout, waiting.one, aside=aside, migrate=settings.migrate)
        stack.push_async_callback(database.close)

        current = await stack.enter_async_context(_opened(settings.embedder, host.metrics))
        former = [
            await stack.enter_async_context(_opened(choice, host.metrics)) for choice in settings.former_embedders
        ]
        if any(embedder is not None for embedder in (current, *former)):
            _expect(host.metrics)
        backlog = None
        # One for both guards: what a server asks for, it asks of everybody here.
        silence = None if current is None else Silence(current.model)
        if current is not None and host.serves:
            # Guarded apart: a batch may take long without keeping questions from their vectors.
            patient = GuardedEmbedder(current, _PATIENCE_OF_BACKLOG, silence=silence)
            backlog = Backlog(database, patient, host.metrics, host.name)
            stack.push_async_callback(background.stop, background.start(backlog.run, "backlog"))
        patience = settings.embedding_patience
        vectors = Vectors(
            current and GuardedEmbedder(current, patience, silence=silence),
            [GuardedEmbedder(embedder, patience) for embedder in former if embedder is not None],
            patience,
        )
        provider = PostgresMemoryProvider(database, vectors, backlog, host.clock, settings.vector_weight)
        stack.push_async_callback(provider.close)
        yield provider


@asynccontextmanager
async def opened_schema(settings: NativeSettings, name: str, data_dir: Path) -> AsyncIterator[Schema]:
    """Give the schema alone, for whoever looks after it, with the errors of a provider of this name.

    Raises:
        Unavailable: the database cannot be reached, or fails meanwhile.
    """
    async with (
        open_engine(dsn_of(settings, name, data_dir), settings) as engine,
        translated(TimeLimit(_SCHEMA_SECONDS), PossibleWrites.PERHAPS),
    ):
        yield Schema(engine)


def dsn_of(settings: NativeSettings, name: str, data_dir: Path) -> str:
    """The database to connect to: the configured one, or that of the embedded server of the provider of this name."""
    if settings.dsn is not None:
        return settings.dsn.reveal()
    from providers.native.embedded import EmbeddedServer, folder_of

    return EmbeddedServer(folder_of(data_dir, name)).dsn


@asynccontextmanager
async def _opened(settings: EmbedderSettings, metrics: Metrics) -> AsyncIterator[Embedder | None]:
    async with settings.open(metrics) as embedder:
        yield embedder and StorableEmbedder(embedder)


def _expect(metrics: Metrics) -> None:
    """Create the children of what answers may lack at start, so that `rate()` sees zeros before the first event."""
    for operation in ("recall", "recall_many"):
        metrics.degraded.labels(operation, notes.NO_VECTOR)
