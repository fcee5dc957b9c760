"""Opening the native provider: engine, embedders and the background task, closed in the reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from providers.base import MemoryProvider
from providers.embedders.base import Embedder
from providers.embedders.guarded import GuardedEmbedder
from providers.embedders.settings import EmbedderSettings
from providers.native.backlog import Backlog
from providers.native.database import Database
from providers.native.engine import open_engine
from providers.native.provider import PostgresMemoryProvider
from providers.native.schema import Schema
from providers.native.settings import NativeSettings
from providers.native.translate import translated
from providers.native.vectors import Vectors
from providers.types import Host

# Of an operation's time limit, what it may spend on its vector; the rest is the database's.
_SHARE_OF_EMBEDDING = 0.5

# An operator's migration may take long; nobody waits for it in a request.
_SCHEMA_SECONDS = 24 * 3600.0


@asynccontextmanager
async def open_native(settings: NativeSettings, host: Host) -> AsyncIterator[MemoryProvider]:
    """Give a provider; neither the database nor the embedder need be up yet."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(dsn_of(settings, host.data_dir), settings))
        database = Database(engine, settings.timeout, migrate=settings.migrate)
        stack.push_async_callback(database.close)

        async def embedder_of(choice: EmbedderSettings) -> Embedder | None:
            embedder = await stack.enter_async_context(choice.open(host.metrics))
            return embedder and GuardedEmbedder(embedder, settings.timeout * _SHARE_OF_EMBEDDING)

        current = await embedder_of(settings.embedder)
        former = [await embedder_of(choice) for choice in settings.former_embedders]
        backlog = None
        if current is not None:
            backlog = Backlog(database, current, host.metrics, host.name)
            task = asyncio.create_task(backlog.run(), name="backlog")
            stack.push_async_callback(_cancelled, task)
        vectors = Vectors(current, [embedder for embedder in former if embedder is not None])
        yield PostgresMemoryProvider(database, vectors, backlog, host.clock, settings.vector_weight)


@asynccontextmanager
async def opened_schema(settings: NativeSettings, data_dir: Path) -> AsyncIterator[Schema]:
    """Give the schema alone, for whoever looks after it, with the errors of a provider.

    Raises:
        Unavailable: the database cannot be reached, or fails meanwhile.
    """
    async with open_engine(dsn_of(settings, data_dir), settings) as engine, translated(_SCHEMA_SECONDS, writes=True):
        yield Schema(engine)


def dsn_of(settings: NativeSettings, data_dir: Path) -> str:
    """The database to connect to: the configured one, or the embedded server's in the data folder."""
    if settings.dsn is not None:
        return settings.dsn.reveal()
    from providers.native.embedded import EmbeddedServer

    return EmbeddedServer(data_dir / "postgres").dsn


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
