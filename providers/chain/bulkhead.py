"""A bound on the calls that a provider has at a time, so that a slow one does not take the whole process with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from providers.chain.errors import BulkheadFull


class Bulkhead:
    """At most `places` calls at a time; who comes first is let in first."""

    def __init__(self, provider: str, places: int) -> None:
        self.places = places
        self.waiting = 0
        self.in_flight = 0
        self._provider = provider
        self._free = asyncio.Semaphore(places)

    @asynccontextmanager
    async def place(self, patience: float) -> AsyncIterator[None]:
        """Hold a place for as long as the context lasts.

        Raises:
            BulkheadFull: none became free within `patience` seconds.
        """
        await self._enter(patience)
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._free.release()

    async def _enter(self, patience: float) -> None:
        if not self._free.locked():
            await self._free.acquire()  # at once: nothing else runs between the question and this
            return
        self.waiting += 1
        timer = asyncio.timeout(patience)
        try:
            async with timer:
                await self._free.acquire()
        except TimeoutError as error:
            raise BulkheadFull(f"{self._provider}: {self.places} calls are under way") from error
        finally:
            self.waiting -= 1
