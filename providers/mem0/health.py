"""The health of mem0, by the cheapest call that proves key and store."""

import asyncio
from time import perf_counter

from providers.errors import ProviderError
from providers.health import Health
from providers.mem0.dialects.auto import AutoDialect
from providers.mem0.dialects.base import Dialect

PATIENCE = 2.0  # seconds; a health check must be answered


class Mem0Health(Health, frozen=True, kw_only=True):
    """Extend the health of the specification; `dialect` is None as long as it is not known."""

    endpoint: str
    dialect: str | None = None

    @property
    def details(self) -> list[str]:
        """See `Health`."""
        return [*super().details, f"speaks the dialect {self.dialect}"]


async def health_of(dialect: Dialect, endpoint: str, provider: str) -> Mem0Health:
    """Ping mem0; an error is part of the answer."""
    started, error = perf_counter(), None
    try:
        async with asyncio.timeout(PATIENCE):
            await dialect.ping()
    except TimeoutError:
        error = f"no answer within {PATIENCE:g} s"
    except ProviderError as failure:
        error = str(failure)
    return Mem0Health(
        healthy=error is None,
        provider=provider,
        error=error,
        response_time_ms=(perf_counter() - started) * 1000 if error is None else None,
        endpoint=endpoint,
        dialect=dialect.chosen if isinstance(dialect, AutoDialect) else dialect.name,
    )
