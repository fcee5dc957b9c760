"""Open the native provider: engine, embedders and the background task, closed in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

from observability.metrics import Metrics
from providers import background
from providers.answers import APPROXIMATE, INDEX_LOADING, INDEX_TOO_LARGE, NO_VECTOR, PLAIN_ORDER
from providers.embedders.base import Embedder
from providers.embedders.cooldown import Cooldown
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.settings import EmbedderSettings
from providers.host import Host
from providers.native.analysis_queue import AnalysisQueue
from providers.native.changes import DatabaseChanges
from providers.native.database import Database
from providers.native.dimensions import StorableEmbedder
from providers.native.embedder_change import EmbedderChange
from providers.native.embedding_queue import EmbeddingQueue
from providers.native.engine import open_engine
from providers.native.options import NativeOptions
from providers.native.provider import PostgresMemoryProvider
from providers.native.schema import Schema
from providers.native.vectors import Vectors
from providers.postgres.engine import open_pool, pool_of
from providers.postgres.translate import PossibleWrites, TimeLimit, translated
from providers.replica import Replica
from providers.search.recall_index.index import MEGABYTE
from providers.search.recall_index.watched import watched_index

# How long the embedding queue waits for the vectors of a whole batch.
_PATIENCE_OF_QUEUE = 60.0  # seconds

# An operator's migration may take long; no request waits for it.
_SCHEMA_SECONDS = 24 * 3600.0


@asynccontextmanager
async def open_provider(settings: NativeOptions, host: Host) -> AsyncIterator[Replica]:
    """Hold a provider for as long as the context lasts; neither its database nor its embedders need be up yet."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(_opened_database(settings, host))
        embedders = (settings.embedder, *settings.former_embedders)
        current, *former = [await stack.enter_async_context(_opened(choice, host.metrics)) for choice in embedders]
        patience = settings.embedding_patience
        if any(one is not None for one in (current, *former)):
            _expect(host.metrics, NO_VECTOR)
        index = None
        if settings.recall_cache_mb:
            _expect(host.metrics, INDEX_LOADING)
            _expect(host.metrics, INDEX_TOO_LARGE)
            _expect(host.metrics, APPROXIMATE)
            most_bytes = settings.recall_cache_mb * MEGABYTE
            changes = [DatabaseChanges(database, most_bytes, by_contents=by_contents) for by_contents in (True, False)]
            index = stack.enter_context(watched_index(changes[0], most_bytes, host, ranked=changes[1]))
        _expect(host.metrics, PLAIN_ORDER)
        # One for both guards: a pause that a server asks for applies to all of its callers here.
        cooldown = None if current is None else Cooldown(current.model)
        if host.serves:
            stack.push_async_callback(background.stop, background.start(AnalysisQueue(database).run, "analysis"))
        vectors = Vectors(
            current and GuardedEmbedder(current, patience, cooldown=cooldown),
            [GuardedEmbedder(one, patience) for one in former if one is not None],
            patience,
        )
        queue = None
        if current is not None and host.serves:
            # A guard of its own: a batch may take long without keeping questions from their vectors.
            patient = GuardedEmbedder(current, _PATIENCE_OF_QUEUE, cooldown=cooldown)
            change = EmbedderChange(database, vectors, host.metrics, host.name, settings.former_vectors_kept)
            queue = EmbeddingQueue(database, patient, host.metrics, host.name, change)
            stack.push_async_callback(background.stop, background.start(queue.run, "backlog"))
        provider = PostgresMemoryProvider(
            database, vectors, queue, host.clock, settings.vector_weight, index, host.retention
        )
        stack.push_async_callback(provider.close)
        if host.serves:
            stack.push_async_callback(background.stop, background.start(provider.versions.run, "history"))
        yield provider


@asynccontextmanager
async def opened_schema(dsn: str, *, pool_size: int, through_pooler: bool) -> AsyncIterator[Schema]:
    """Hold the schema alone, for the commands that look after it; errors are those of a provider.

    Raises:
        Unavailable: the database cannot be reached, or fails meanwhile.
    """
    async with (
        open_engine(dsn, pool_size=pool_size, through_pooler=through_pooler) as engine,
        translated(TimeLimit(_SCHEMA_SECONDS), PossibleWrites.PERHAPS),
    ):
        yield Schema(engine)


@asynccontextmanager
async def _opened_database(settings: NativeOptions, host: Host) -> AsyncIterator[Database]:
    """Hold a pool, and engines that make a connection for each use: one never waits for the pool, one is the owner."""
    dsn, through_pooler = settings.dsn_of(host.name, host.data_dir), settings.through_pooler
    owner_dsn = settings.owner_dsn_of(host.name, host.data_dir)
    as_owner = nullcontext() if owner_dsn == dsn else open_pool(owner_dsn, pool_size=0, through_pooler=through_pooler)
    async with (
        open_engine(dsn, pool_size=settings.pool_size, through_pooler=through_pooler) as engine,
        open_pool(dsn, pool_size=0, through_pooler=through_pooler) as unpooled,
        as_owner as owner,
    ):
        with host.metrics.watched_pool(host.name, lambda: pool_of(engine)) as waiting:
            database = Database(
                engine,
                settings.timeout,
                waiting.one,
                unpooled=unpooled,
                owner=owner,
                migrate=settings.migrate,
                walled=host.tenants and host.serves,
            )
            try:
                yield database
            finally:
                await database.close()


@asynccontextmanager
async def _opened(settings: EmbedderSettings, metrics: Metrics) -> AsyncIterator[Embedder | None]:
    async with settings.open(metrics) as embedder:
        yield embedder and StorableEmbedder(embedder)


def _expect(metrics: Metrics, reason: str) -> None:
    """Create the children of the counter of degraded answers, so that `rate()` sees zeros before the first event."""
    for operation in ("recall", "recall_many"):
        metrics.degraded.labels(operation, reason)
