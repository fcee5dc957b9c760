"""Open the OpenSearch provider: its connections, and what stands on them, closed in the reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from providers import background
from providers.host import Host
from providers.opensearch.address import ServerAddress, address_of
from providers.opensearch.calling import SearchClient
from providers.opensearch.changes import OpenSearchChanges
from providers.opensearch.erasing import OpenSearchErasing
from providers.opensearch.extra import OPENSEARCH
from providers.opensearch.feed import OpenSearchFeed
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
from providers.replica import Replica
from providers.search.recall_index.index import MEGABYTE
from providers.search.recall_index.watched import watched_index


@asynccontextmanager
async def open_opensearch(options: OpenSearchOptions, host: Host) -> AsyncIterator[Replica]:
    """Hold a provider for as long as the context lasts; its server need not be up yet."""
    address = address_of(options.url, options.api_key, options.ca_file, options.connections)
    wanted = WantedIndex(options.index, options.shards, options.copies)
    server = Server(address, _client_of, wanted, options.timeout)
    apart = Server(replace(address, connections=1), _client_of, wanted, options.timeout)
    index = Index(server, options.index, options.copies)
    shelf = OpenSearchShelf(index, host.retention, host.clock)
    reader = OpenSearchReader(index, refreshes=options.staleness_seconds == 0)
    histories = OpenSearchHistories(shelf, reader, host.retention, host.clock)
    changes = OpenSearchChanges(shelf, reader)
    with watched_index(changes, options.recall_cache_mb * MEGABYTE, host) as kept:
        parts = OpenSearchParts(
            shelf=shelf,
            reader=reader,
            changes=changes,
            recall=OpenSearchRecall(reader, shelf, kept),
            store_name=StoreDocuments(server, index),
            erasing=OpenSearchErasing(index, shelf, reader, histories),
            histories=histories,
            feed=OpenSearchFeed(server, shelf, reader),
            apart=apart,
            clock=host.clock,
        )
        sweeping = background.start(histories.run, "history")
        try:
            yield OpenSearchMemoryProvider(parts, options.index, options.staleness_seconds)
        finally:
            await background.stop(sweeping)
            await kept.close()
            await server.close()
            await apart.close()


def _client_of(name: str, address: ServerAddress) -> SearchClient:
    """Return a client of the server of this name, whose package alone is imported."""
    if name == OPENSEARCH:
        from providers.opensearch.opensearch_client import OpenSearchClient

        return OpenSearchClient(address)
    from providers.opensearch.elasticsearch_client import ElasticsearchClient

    return ElasticsearchClient(address)
