"""PineconeMemoryProvider: memories in an index of Pinecone, which compares nothing and shows everything later."""

from datetime import datetime

from providers.keyed.provider import KeyedMemoryProvider
from providers.pinecone.health import PineconeHealth, health_of
from providers.pinecone.parts import PineconeParts


class PineconeMemoryProvider(KeyedMemoryProvider):
    """Memories as copies of states by their names; `staleness` is the seconds for which reads may be behind writes."""

    parts: PineconeParts

    def __init__(self, parts: PineconeParts, endpoint: str, staleness: float) -> None:
        super().__init__(parts)
        self._endpoint, self._staleness = endpoint, staleness

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self._staleness

    @property
    def compares(self) -> bool:
        """See `Replica`; Pinecone has no write that depends on what is there."""
        return False

    async def ping(self) -> None:
        """See `Replica`."""
        await self.parts.index.describe()

    async def moment(self) -> datetime | None:
        """See `Replica`; it stands in the headers of an answer."""
        return (await self.parts.index.describe())[1]

    async def health_check(self) -> PineconeHealth:
        """See `MemoryStore`."""
        return await health_of(self.parts.index, self._endpoint, type(self).__name__)
