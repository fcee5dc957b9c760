"""Open the Pinecone provider: its connections, and what stands on them, closed in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from providers import background
from providers.host import Host
from providers.keyed.recall import Recall
from providers.pinecone.calling import open_client
from providers.pinecone.catalog import Catalog
from providers.pinecone.changes import MOST_MEMORIES, PineconeChanges
from providers.pinecone.erasing import PineconeErasing
from providers.pinecone.index import PineconeIndex
from providers.pinecone.introducing import StoreRecords
from providers.pinecone.namespaces import Namespaces
from providers.pinecone.options import PineconeOptions
from providers.pinecone.parts import PineconeParts
from providers.pinecone.provider import PineconeMemoryProvider
from providers.pinecone.reader import PineconeReader
from providers.pinecone.recent import RecentWrites
from providers.pinecone.shelf import PineconeShelf
from providers.pinecone.tidying import Tidying
from providers.replica import Replica
from providers.search.recall_index.index import MEGABYTE
from providers.search.recall_index.watched import watched_index


@asynccontextmanager
async def open_pinecone(options: PineconeOptions, host: Host, most: int = MOST_MEMORIES) -> AsyncIterator[Replica]:
    """Hold a provider for as long as the context lasts; the index need not be there yet.

    Of an owner `most` memories are ranked.
    """
    staleness = options.staleness_seconds
    namespaces, tidying = Namespaces(options.prefix), Tidying(staleness)
    async with open_client(
        options.host,
        key=options.api_key,
        request_timeout=options.timeout,
        connect_timeout=options.connect_timeout,
        concurrency=options.concurrency,
    ) as client:
        index = PineconeIndex(client)
        shelf = PineconeShelf(index, namespaces, RecentWrites(staleness), tidying.add)
        catalog = Catalog(shelf, staleness)
        reader = PineconeReader(shelf, catalog)
        changes = PineconeChanges(shelf, catalog, most)
        with watched_index(changes, options.recall_cache_mb * MEGABYTE, host) as kept:
            parts = PineconeParts(
                index=index,
                shelf=shelf,
                reader=reader,
                changes=changes,
                recall=Recall(reader, shelf, kept, most),
                store_name=StoreRecords(index, namespaces.store, staleness),
                erasing=PineconeErasing(shelf, catalog, staleness),
                clock=host.clock,
            )
            async with background.running(background.start(partial(tidying.run, shelf), f"tidying {host.name}")):
                try:
                    yield PineconeMemoryProvider(parts, options.host, staleness)
                finally:
                    await kept.close()
