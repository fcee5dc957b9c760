"""OpenSearchMemoryProvider: memories in an index of OpenSearch or Elasticsearch."""

from providers.keyed.parts import KeyedParts
from providers.keyed.provider import KeyedMemoryProvider
from providers.opensearch.health import OpenSearchHealth, health_of
from providers.opensearch.server import Server


class OpenSearchMemoryProvider(KeyedMemoryProvider):
    """Memories as documents by id, each compared and set; `apart` has a connection beside those of all others."""

    def __init__(self, parts: KeyedParts, apart: Server, alias: str, staleness: float) -> None:
        super().__init__(parts)
        self._apart, self._alias = apart, alias
        self._staleness = staleness

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self._staleness

    async def ping(self) -> None:
        """See `Replica`."""
        await self._apart.greeting()

    async def health_check(self) -> OpenSearchHealth:
        """See `MemoryStore`."""
        return await health_of(self._apart, self._alias, type(self).__name__)
