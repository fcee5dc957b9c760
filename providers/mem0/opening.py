"""Open the mem0 provider: its dialect, and what stands on it, closed in the reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from msgspec.structs import replace

from observability.secret import Secret
from providers.host import Host
from providers.mem0.cache import Mem0Cache
from providers.mem0.client import HttpClient
from providers.mem0.copies import DROPPED, CopyStore
from providers.mem0.dialects.auto import AutoDialect
from providers.mem0.dialects.base import Dialect
from providers.mem0.dialects.oss import OssDialect
from providers.mem0.dialects.platform import PlatformDialect
from providers.mem0.dialects.spec import SpecDialect
from providers.mem0.directory import Directory
from providers.mem0.erasing import Mem0Erasing
from providers.mem0.provider import Mem0HttpMemoryProvider, Mem0Traits
from providers.mem0.reading import Mem0Reader
from providers.mem0.reconciliation import Sleep
from providers.mem0.writing import Mem0Writer
from providers.replica import Replica


@asynccontextmanager
async def open_mem0(
    dialect: Dialect, host: Host, traits: Mem0Traits, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Replica]:
    """Open a provider; mem0 need not be up yet. `sleep` passes the time until ambiguous writes are reconciled."""
    cache = Mem0Cache()
    dropped = {reason: host.metrics.mem0_dropped.labels(host.name, reason) for reason in DROPPED}
    store = CopyStore(dialect, cache, lambda reason: dropped[reason].inc(), sleep)
    directory = Directory(dialect, cache)
    try:
        yield Mem0HttpMemoryProvider(
            dialect,
            store,
            Mem0Writer(dialect, store, cache, host.clock),
            Mem0Reader(dialect, store, cache),
            directory,
            Mem0Erasing(dialect, store, directory, cache),
            replace(traits, endpoint=str(httpx.URL(traits.endpoint).copy_with(userinfo=b""))),
            host.clock,
        )
    finally:
        await store.close()


def dialect_of(
    name: str, client: HttpClient, provider: str, api_key: Secret | None, hmac_secret: Secret | None
) -> Dialect:
    """Return the dialect of this name, or one that finds out which one the server speaks."""
    oss, spec = OssDialect(client, api_key), SpecDialect(client, api_key, hmac_secret)
    dialects = [PlatformDialect(client, api_key), oss, spec]
    named = (dialect for dialect in dialects if dialect.name == name)
    return next(named, AutoDialect(provider, dialects))
