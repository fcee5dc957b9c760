"""The health of an index of Pinecone, by what it tells of itself."""

import asyncio
from time import perf_counter

from providers.errors import ProviderError
from providers.health import Health
from providers.pinecone.index import PineconeIndex

PATIENCE = 2.0  # seconds; a health check must be answered


class PineconeHealth(Health, frozen=True, kw_only=True, omit_defaults=True):
    """Extend the health of the specification; `records` are those of the whole index, also of others."""

    endpoint: str
    dimension: int | None = None
    records: int | None = None

    @property
    def details(self) -> list[str]:
        """See `Health`."""
        vectors = f"vectors of {self.dimension} numbers" if self.dimension else "sparse vectors"
        return [*super().details, f"{self.records} records with {vectors}"]


async def health_of(index: PineconeIndex, endpoint: str, provider: str) -> PineconeHealth:
    """Ask the index what it is; an error is part of the health."""
    started, error = perf_counter(), f"no answer within {PATIENCE:g} s"
    try:
        async with asyncio.timeout(PATIENCE):
            shape, _ = await index.describe()
    except TimeoutError:
        return PineconeHealth(healthy=False, provider=provider, error=error, endpoint=endpoint)
    except ProviderError as failure:
        return PineconeHealth(healthy=False, provider=provider, error=str(failure), endpoint=endpoint)
    return PineconeHealth(
        healthy=True,
        provider=provider,
        response_time_ms=round((perf_counter() - started) * 1000, 3),
        endpoint=endpoint,
        dimension=shape.dimension,
        records=shape.records,
    )
