"""Opening the mem0 provider: the connections, the dialect and what is made of them, closed in the reverse order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from providers.mem0.dialects.auto import AutoDialect
from providers.mem0.dialects.base import Dialect
from providers.mem0.dialects.oss import OssDialect
from providers.mem0.dialects.platform import PlatformDialect
from providers.mem0.dialects.spec import SpecDialect
from providers.mem0.directory import Directory
from providers.mem0.keeper import DROPPED, Keeper
from providers.mem0.memo import Memo
from providers.mem0.provider import Mem0HttpMemoryProvider
from providers.mem0.reading import Reader
from providers.mem0.settings import Mem0Settings
from providers.mem0.wire import Wire, open_wire
from providers.mem0.writing import Writer
from providers.replica import Replica
from providers.types import Host


@asynccontextmanager
async def open_mem0(
    settings: Mem0Settings, host: Host, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[Replica]:
    """Give a provider; mem0 need not be up yet. `sleep` passes the time until what may come late is looked after."""
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(
            open_wire(
                settings.base_url,
                patience=settings.timeout,
                connect_timeout=settings.connect_timeout,
                places=settings.concurrency,
            )
        )
        dialect = _dialect(settings, wire, host.name)
        memo = Memo()
        dropped = {reason: host.metrics.mem0_dropped.labels(host.name, reason) for reason in DROPPED}
        keeper = Keeper(dialect, memo, lambda reason: dropped[reason].inc(), sleep)
        stack.push_async_callback(keeper.close)
        yield Mem0HttpMemoryProvider(
            dialect,
            keeper,
            Writer(dialect, keeper, memo, host.clock),
            Reader(dialect, keeper, memo),
            Directory(dialect, memo),
            endpoint=str(httpx.URL(settings.base_url).copy_with(userinfo=b"")),  # health is told to many
            at_once=max(1, settings.concurrency // 2),
            infers=settings.infer,
        )


def _dialect(settings: Mem0Settings, wire: Wire, provider: str) -> Dialect:
    oss = OssDialect(wire, settings.api_key)
    platform = PlatformDialect(wire, settings.api_key)
    spec = SpecDialect(wire, settings.api_key, settings.hmac_secret)
    for dialect in (oss, platform, spec):
        if dialect.name == settings.dialect:
            return dialect
    return AutoDialect(provider, [platform, oss, spec])
