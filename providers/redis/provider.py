"""RedisMemoryProvider: memories in Redis, Valkey or a cluster of either."""

from datetime import UTC, datetime, timedelta

from providers.embedding_progress import EmbeddingProgress
from providers.feed import FeedPage, FeedQuery
from providers.keyed.provider import KeyedMemoryProvider
from providers.redis.health import RedisHealth, health_of
from providers.redis.parts import RedisParts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RedisMemoryProvider(KeyedMemoryProvider):
    """Memories in Redis: states by id, compared and set, and ranked in this process."""

    parts: RedisParts

    def __init__(self, parts: RedisParts) -> None:
        super().__init__(parts)

    @property
    def ranking(self) -> str:
        """See `Replica`."""
        return self.parts.shelf.vectors.ranking

    @property
    def embedding_progress(self) -> EmbeddingProgress | None:
        """See `EmbeddingReport`."""
        return self.parts.report.progress

    async def ping(self) -> None:
        """See `Replica`."""
        await self.parts.servers.infos()

    async def moment(self) -> datetime:
        """See `Replica`."""
        key = self.parts.keyspace.identity
        [[seconds, microseconds]] = await self.parts.servers.run(key, [("TIME",)])
        return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(microseconds))

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`."""
        return await self.parts.feed.page(query)

    async def health_check(self) -> RedisHealth:
        """See `MemoryStore`."""
        return await health_of(self.parts.servers, type(self).__name__)
