"""Open the Redis provider: its connections, and what stands on them, closed in the reverse order."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace
from redis.asyncio.connection import AbstractConnection

from providers import background
from providers.embedders.guarded import GuardedEmbedder
from providers.host import Host
from providers.keyed.filling import FillingReport
from providers.redis.acknowledging import Acknowledging
from providers.redis.changes import RedisChanges
from providers.redis.cluster import Cluster
from providers.redis.erasing import RedisErasing
from providers.redis.feed import Feed
from providers.redis.filling import OwnerFilling
from providers.redis.history import RedisHistories
from providers.redis.introducing import StoreKeys
from providers.redis.keys import Keyspace
from providers.redis.nearest import VectorSets
from providers.redis.node import Connecting, Node, maker_of
from providers.redis.options import RedisOptions
from providers.redis.parts import RedisParts
from providers.redis.provider import RedisMemoryProvider
from providers.redis.reader import RedisReader
from providers.redis.recall import RedisRecall
from providers.redis.server_check import Demands
from providers.redis.servers import OneServer, Servers
from providers.redis.shelf import RedisShelf
from providers.redis.vectors import OwnerVectors
from providers.replica import Replica
from providers.search.recall_index.index import MEGABYTE
from providers.search.recall_index.watched import watched_index


@asynccontextmanager
async def open_redis(options: RedisOptions, host: Host) -> AsyncIterator[Replica]:
    """Hold a provider for as long as the context lasts; neither its servers nor its embedder need be up yet."""
    acknowledging = Acknowledging(
        fsync=options.acknowledge == "fsync", replicas=options.replicas, timeout=options.timeout
    )
    async with AsyncExitStack() as stack:
        embedder = await stack.enter_async_context(options.embedder.open(host.metrics))
        vectors = OwnerVectors(embedder and GuardedEmbedder(embedder, options.embedding_patience))
        servers = _servers_of(options)
        stack.push_async_callback(servers.close)
        keyspace = Keyspace(options.prefix)
        shelf = RedisShelf(servers, keyspace, acknowledging, host.retention, host.clock, vectors)
        reader = RedisReader(servers, keyspace, shelf)
        histories = RedisHistories(servers, keyspace, shelf, reader, host.retention, host.clock)
        changes = RedisChanges(servers, keyspace, shelf, reader)
        index = stack.enter_context(watched_index(changes, options.recall_cache_mb * MEGABYTE, host))
        stack.push_async_callback(index.close)
        sets = VectorSets(servers, keyspace, reader, vectors)
        report = FillingReport(host.metrics, host.name, vectors.model)
        filling = OwnerFilling(servers, keyspace, shelf, reader, sets, report)
        parts = RedisParts(
            servers=servers,
            keyspace=keyspace,
            shelf=shelf,
            reader=reader,
            changes=changes,
            recall=RedisRecall(reader, shelf, index, sets),
            feed=Feed(servers, keyspace, shelf),
            store_name=StoreKeys(servers, keyspace, shelf),
            erasing=RedisErasing(servers, keyspace, shelf, reader, histories),
            histories=histories,
            sets=sets,
            filling=filling,
            report=report,
            clock=host.clock,
        )
        stack.push_async_callback(background.stop, background.start(histories.run, "history"))
        if host.serves:
            stack.push_async_callback(background.stop, background.start(filling.run, "vectors"))
            stack.push_async_callback(background.stop, background.start(sets.run, "vector sets"))
        yield RedisMemoryProvider(parts)


def _servers_of(options: RedisOptions) -> Servers:
    url = options.url.reveal()
    connecting = Connecting(
        connections=options.connections,
        timeout=options.timeout,
        connect_timeout=options.connect_timeout,
        demands=Demands(may_lose=options.may_lose),
    )
    if not options.cluster:
        return OneServer(Node(maker_of(url), connecting))

    def maker_at(host: str, port: int) -> Callable[[], AbstractConnection]:
        return maker_of(url, port=port, **({"host": host} if host else {}))

    scouting = replace(connecting, demands=Demands(may_lose=True, primary=False))
    return Cluster(
        Node(maker_of(url), scouting),
        node_at=lambda host, port: Node(maker_at(host, port), connecting),
        scout_at=lambda host, port: Node(maker_at(host, port), scouting),
    )
