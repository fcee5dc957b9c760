"""How the mem0 provider is opened: connections, dialect and what is made of them, closed in the reverse order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from providers.mem0.cache import Mem0Cache
from providers.mem0.client import HttpClient, open_client
from providers.mem0.copies import DROPPED, CopyStore
from providers.mem0.dialects.auto import AutoDialect
from providers.mem0.dialects.base import Dialect
from providers.mem0.dialects.oss import OssDialect
from providers.mem0.dialects.platform import PlatformDialect
from providers.mem0.dialects.spec import SpecDialect
from providers.mem0.directory import Directory
from providers.mem0.provider import Mem0HttpMemoryProvider
from providers.mem0.reading import Mem0Reader
from providers.mem0.settings import Mem0Settings
from providers.mem0.writing import Mem0Writer
from providers.replica import Replica
from providers.types import Host


@asynccontextmanager
async def open_mem0(
    settings: Mem0Settings, host: Host, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[Replica]:
    """Open a provider; mem0 need not be up yet. `sleep` passes the time until ambiguous writes are reconciled."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            open_client(
                settings.base_url,
                request_timeout=settings.timeout,
                connect_timeout=settings.connect_timeout,
                concurrency=settings.concurrency,
            )
        )
        dialect = _dialect(settings, client, host.name)
        cache = Mem0Cache()
        dropped = {reason: host.metrics.mem0_dropped.labels(host.name, reason) for reason in DROPPED}
        store = CopyStore(dialect, cache, lambda reason: dropped[reason].inc(), sleep)
        stack.push_async_callback(store.close)
        yield Mem0HttpMemoryProvider(
            dialect,
            store,
            Mem0Writer(dialect, store, cache, host.clock),
            Mem0Reader(dialect, store, cache),
            Directory(dialect, cache),
            endpoint=str(httpx.URL(settings.base_url).copy_with(userinfo=b"")),  # many may read the health
            at_once=max(1, settings.concurrency // 2),
            infers=settings.infer,
        )


def _dialect(settings: Mem0Settings, client: HttpClient, provider: str) -> Dialect:
    oss = OssDialect(client, settings.api_key)
    platform = PlatformDialect(client, settings.api_key)
    spec = SpecDialect(client, settings.api_key, settings.hmac_secret)
    for dialect in (oss, platform, spec):
        if dialect.name == settings.dialect:
            return dialect
    return AutoDialect(provider, [platform, oss, spec])
