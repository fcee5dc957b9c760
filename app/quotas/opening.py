"""The quotas over a running chain: what counts for them, and the provider that they stand before."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.quotas.quota_provider import QuotaProvider
from app.quotas.quotas import Quotas
from app.quotas.tenant_counts import CountedTenants
from app.quotas.user_counts import CountedUsers
from observability.metrics import Metrics
from providers import background
from providers.base import MemoryProvider
from providers.chain.chain import Chain
from providers.chain.holding import holdings_of, holdings_page


@asynccontextmanager
async def open_quotas(chain: Chain, metrics: Metrics) -> AsyncIterator[Quotas]:
    """Hold the quotas, of which none is in force yet, and count tenants while the context lasts."""
    users = CountedUsers(lambda owner: holdings_of(chain.route, owner), time.monotonic)
    tenants = CountedTenants(lambda limit, after: holdings_page(chain.route, limit, after), time.monotonic)
    quotas = Quotas(users, tenants, metrics)

    async def count() -> None:
        await tenants.run(lambda: quotas.settings.share, quotas.recounted_every)

    try:
        async with background.running(background.start(count, "quotas")):
            yield quotas
    finally:
        await users.aclose()


def within_quotas(provider: Callable[[], MemoryProvider], quotas: Quotas) -> Callable[[], MemoryProvider]:
    """Return what gives the provider that quotas stand before; the provider itself while there are none."""
    limited = QuotaProvider(provider, quotas)
    return lambda: limited if quotas.settings.in_force else provider()
