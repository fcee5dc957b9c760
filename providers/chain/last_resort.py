"""The few calls that reach a provider whose breaker is open, where nobody else can be asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from providers.chain.deadline import Deadline
from providers.chain.errors import BreakerOpen

MAX_CALLS = 4  # calls at a time
# Seconds for which a refused connection answers for the next callers as well, and after which to ask again.
REFUSED_SECONDS = 1.0


class LastResortLimiter:
    """Let `MAX_CALLS` calls through at a time; the others wait for one of them to find the provider well.

    A provider that hangs keeps few connections busy that way, and one that is slow goes on answering. Where even a
    connection was refused a moment ago nobody waits.
    """

    def __init__(self, provider: str, now: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._now = now
        self._free = asyncio.Semaphore(MAX_CALLS)
        self._refused_until = now()

    def refused(self) -> None:
        """Take note that no connection could be made."""
        self._refused_until = self._now() + REFUSED_SECONDS

    @asynccontextmanager
    async def slot(self, deadline: Deadline) -> AsyncIterator[None]:
        """Hold one of the places for as long as the context lasts.

        Raises:
            BreakerOpen: a connection was refused a moment ago, or no place became free before the deadline.
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
