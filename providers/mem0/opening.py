"""Open the mem0 provider: its dialect, and what stands on it, closed in the reverse order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx

from observability.secret import Secret
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
from providers.mem0.wire import Wire
from providers.mem0.writing import Writer
from providers.replica import Replica
from providers.types import Host


@asynccontextmanager
async def open_mem0(
    dialect: Dialect,
    host: Host,
    *,
    endpoint: str,
    at_once: int,
    infers: bool,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Replica]:
    """Open a provider; mem0 need not be up yet. `sleep` passes the time until what may come late is looked after."""
    memo = Memo()
    dropped = {reason: host.metrics.mem0_dropped.labels(host.name, reason) for reason in DROPPED}
    keeper = Keeper(dialect, memo, lambda reason: dropped[reason].inc(), sleep)
    try:
        yield Mem0HttpMemoryProvider(
            dialect,
            keeper,
            Writer(dialect, keeper, memo, host.clock),
            Reader(dialect, keeper, memo),
            Directory(dialect, memo),
            endpoint=str(httpx.URL(endpoint).copy_with(userinfo=b"")),  # health is told to many
            at_once=at_once,
            infers=infers,
        )
    finally:
        await keeper.close()


def dialect_of(name: str, wire: Wire, provider: str, api_key: Secret | None, hmac_secret: Secret | None) -> Dialect:
    """Return the dialect of this name, or one that finds out which one the server speaks."""
    oss = OssDialect(wire, api_key)
    platform = PlatformDialect(wire, api_key)
    spec = SpecDialect(wire, api_key, hmac_secret)
    for dialect in (oss, platform, spec):
        if dialect.name == name:
            return dialect
    return AutoDialect(provider, [platform, oss, spec])
