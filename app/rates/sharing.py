"""The limits as several hosts share them: each tells a Redis again and again what it took, and hears what is left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from math import nan

import structlog

from app.rates.buckets import WINDOW
from app.rates.limiter import Limit, RateLimiter
from observability.metrics import Metrics
from observability.secret import Secret
from providers import background
from providers.errors import ProviderError, Unavailable
from providers.redis.shared_buckets import SharedBuckets, Taken, open_shared_buckets

SHARE_SECONDS = 0.25  # between two exchanges: for so long a process does not know what the others take

_log = structlog.get_logger(__name__)


class RateSharing:
    """Share the buckets of a limiter with other processes and hosts.

    No request waits for the Redis. While it does not answer, every process grants its own share, as without one.
    """

    def __init__(self, limiter: RateLimiter, metrics: Metrics, now: Callable[[], float]) -> None:
        self._limiter, self._metrics, self._now = limiter, metrics, now
        self._stack = AsyncExitStack()
        self._url: Secret | None = None
        self._buckets: SharedBuckets | None = None
        self._told = False
        metrics.rates_shared.set(nan)

    @asynccontextmanager
    async def running(self, store: Callable[[], Secret | None]) -> AsyncIterator[None]:
        """Exchange again and again while the context lasts, with whatever `store` is configured then."""

        async def run() -> None:
            while True:
                await asyncio.sleep(SHARE_SECONDS)
                await self.exchange(store())

        try:
            async with background.running(background.start(run, "rates")):
                yield
        finally:
            await self._stack.aclose()

    async def exchange(self, url: Secret | None) -> None:
        """Exchange once; whatever the Redis answers, limits hold."""
        if url != self._url:
            await self._turn_to(url)
        if self._buckets is None:
            return
        try:
            for limit in self._limiter.limits:
                await self._settle(self._buckets, limit)
        except ProviderError as error:
            self._lose(error)
            return
        if not self._limiter.shared:
            _log.info("rates_shared")
        self._limiter.share(shared=True)
        self._metrics.rates_shared.set(1)

    async def _settle(self, shared: SharedBuckets, limit: Limit) -> None:
        """Tell what was taken of the buckets of one limit, and take over how full they are.

        What could not be told is not told again: after a minute it counts for nothing anyway.
        """
        taken = limit.buckets.collect()
        # The capacity of all: while the Redis does not answer, the buckets here hold the share of this process.
        asked = [Taken(limit.name, name, float(limit.quota), amount) for name, amount in taken.items()]
        levels = await shared.take(asked)
        now = self._now()
        for one, level in zip(asked, levels, strict=True):
            limit.buckets.settle(one.name, level, now)

    def _lose(self, error: ProviderError) -> None:
        if self._limiter.shared or not self._told:
            reason = error.reason if isinstance(error, Unavailable) else str(error)
            _log.warning("rates_not_shared", reason=reason)
            self._told = True
        self._limiter.share(shared=False)
        self._metrics.rates_shared.set(0)

    async def _turn_to(self, url: Secret | None) -> None:
        """Share through another Redis, or through none."""
        await self._stack.aclose()
        self._url, self._told, self._buckets = url, False, None
        self._limiter.share(shared=False)
        self._metrics.rates_shared.set(nan)
        if url is not None:
            self._buckets = await self._stack.enter_async_context(open_shared_buckets(url, WINDOW))
