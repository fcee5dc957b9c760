"""OpenSearchMemoryProvider: memories in an index of OpenSearch or Elasticsearch."""

from datetime import datetime

from providers.embedding_progress import EmbeddingProgress
from providers.feed import FeedPage, FeedQuery
from providers.keyed.provider import KeyedMemoryProvider
from providers.opensearch.health import OpenSearchHealth, health_of, moment_of
from providers.opensearch.parts import OpenSearchParts


class OpenSearchMemoryProvider(KeyedMemoryProvider):
    """Memories as documents by id, each compared and set; `alias` is the name of the index."""

    parts: OpenSearchParts

    def __init__(self, parts: OpenSearchParts, alias: str, staleness: float) -> None:
        super().__init__(parts)
        self._alias, self._staleness = alias, staleness

    @property
    def ranking(self) -> str:
        """See `Replica`."""
        return self.parts.shelf.vectors.ranking

    @property
    def embedding_progress(self) -> EmbeddingProgress | None:
        """See `EmbeddingReport`."""
        return self.parts.report.progress

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self._staleness

    async def ping(self) -> None:
        """See `Replica`."""
        await self.parts.apart.greeting()

    async def feed(self, query: FeedQuery) -> FeedPage:
        """See `MemoryStore`."""
        return await self.parts.feed.page(query)

    async def moment(self) -> datetime | None:
        """See `Replica`."""
        return await moment_of(self.parts.apart)

    async def health_check(self) -> OpenSearchHealth:
        """See `MemoryStore`."""
        return await health_of(self.parts.apart, self._alias, type(self).__name__)
