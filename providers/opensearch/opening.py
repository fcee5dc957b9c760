"""Open the OpenSearch provider: its connections, and what stands on them, closed in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace

from providers import background
from providers.embedders.guarded import GuardedEmbedder
from providers.host import Host
from providers.keyed.filling import FillingReport
from providers.opensearch.address import ServerAddress, address_of
from providers.opensearch.calling import SearchClient
from providers.opensearch.changes import OpenSearchChanges
from providers.opensearch.erasing import OpenSearchErasing
from providers.opensearch.extra import OPENSEARCH
from providers.opensearch.feed import OpenSearchFeed
from providers.opensearch.filling import VectorFilling
from providers.opensearch.history import OpenSearchHistories
from providers.opensearch.index import Index
from providers.opensearch.introducing import StoreDocuments
from providers.opensearch.options import OpenSearchOptions
from providers.opensearch.parts import OpenSearchParts
from providers.opensearch.preparing import WantedIndex
from providers.opensearch.provider import OpenSearchMemoryProvider
from providers.opensearch.reader import OpenSearchReader
from providers.opensearch.recall import OpenSearchRecall
from providers.opensearch.server import Server
from providers.opensearch.shelf import OpenSearchShelf
from providers.opensearch.vectors import IndexVectors
from providers.replica import Replica
from providers.search.recall_index.index import MEGABYTE
from providers.search.recall_index.watched import watched_index


@asynccontextmanager
async def open_opensearch(options: OpenSearchOptions, host: Host) -> AsyncIterator[Replica]:
    """Hold a provider for as long as the context lasts; neither its server nor its embedder need be up yet."""
    address = address_of(options.url, options.api_key, options.ca_file, options.connections)
    wanted = WantedIndex(options.index, options.shards, options.copies)
    async with AsyncExitStack() as stack:
        embedder = await stack.enter_async_context(options.embedder.open(host.metrics))
        vectors = IndexVectors(embedder and GuardedEmbedder(embedder, options.embedding_patience))
        server = Server(address, _client_of, wanted, options.timeout, vectors)
        stack.push_async_callback(server.close)
        apart = Server(replace(address, connections=1), _client_of, wanted, options.timeout)
        stack.push_async_callback(apart.close)
        index = Index(server, options.index, options.copies)
        shelf = OpenSearchShelf(index, host.retention, host.clock, vectors)
        reader = OpenSearchReader(index, refreshes=options.staleness_seconds == 0, vectors=vectors)
        histories = OpenSearchHistories(shelf, reader, host.retention, host.clock)
        changes = OpenSearchChanges(shelf, reader)
        kept = stack.enter_context(watched_index(changes, options.recall_cache_mb * MEGABYTE, host))
        stack.push_async_callback(kept.close)
        report = FillingReport(host.metrics, host.name, vectors.model)
        parts = OpenSearchParts(
            shelf=shelf,
            reader=reader,
            changes=changes,
            recall=OpenSearchRecall(reader, shelf, kept, vectors=vectors),
            store_name=StoreDocuments(server, index),
            erasing=OpenSearchErasing(index, shelf, reader, histories),
            histories=histories,
            feed=OpenSearchFeed(server, shelf, reader),
            apart=apart,
            report=report,
            clock=host.clock,
        )
        if host.serves:
            stack.push_async_callback(background.stop, background.start(histories.run, "history"))
            filling = VectorFilling(server, shelf, reader, report)
            stack.push_async_callback(background.stop, background.start(filling.run, "vectors"))
        yield OpenSearchMemoryProvider(parts, options.index, options.staleness_seconds)


def _client_of(name: str, address: ServerAddress) -> SearchClient:
    """Return a client of the server of this name, whose package alone is imported."""
    if name == OPENSEARCH:
        from providers.opensearch.opensearch_client import OpenSearchClient

        return OpenSearchClient(address)
    from providers.opensearch.elasticsearch_client import ElasticsearchClient

    return ElasticsearchClient(address)
