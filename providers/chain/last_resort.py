"""The last resort: a few calls reach a provider although its breaker is open, where no other provider can be asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from providers.chain.deadline import Deadline
from providers.chain.errors import BreakerOpen

MAX_CALLS = 4  # calls at a time
# Seconds for which a refused connection also answers the next callers, and after which a retry makes sense.
REFUSED_SECONDS = 1.0


class LastResortLimiter:
    """Allow `MAX_CALLS` calls at a time; the others wait until one of them finds the provider healthy.

    A provider that hangs then keeps few connections busy, and a slow provider goes on answering. After a refused
    connection no call waits.
    """

    def __init__(self, provider: str, now: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._now = now
        self._free = asyncio.Semaphore(MAX_CALLS)
        self._refused_until = now()

    def refused(self) -> None:
        """Record that a connection was refused."""
        self._refused_until = self._now() + REFUSED_SECONDS

    @asynccontextmanager
    async def slot(self, deadline: Deadline) -> AsyncIterator[None]:
        """Hold one slot while the context lasts.

        Raises:
            BreakerOpen: a connection was refused a moment ago, or no slot became free before the deadline.
        """
        self._check()
        timer = asyncio.timeout(deadline.remaining())
        try:
            async with timer:
                await self._free.acquire()
        except TimeoutError as error:
            reason = f"{self._provider} is left alone, and {MAX_CALLS} calls that ask it nevertheless are under way"
            raise BreakerOpen(reason, retry_after=REFUSED_SECONDS) from error
        try:
            self._check()
            yield
        finally:
            self._free.release()

    def _check(self) -> None:
        left = self._refused_until - self._now()
        if left > 0:
            raise BreakerOpen(f"{self._provider} has just refused a connection", retry_after=left)
