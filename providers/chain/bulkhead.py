"""The concurrency limit of a provider, so that a slow provider does not exhaust the whole process."""

import asyncio
from collections.abc import Awaitable

from msgspec import Struct

from providers.chain.errors import BulkheadFull


class Bulkhead:
    """Allow at most `limit` calls at a time; calls that wait are admitted in the order in which they came."""

    def __init__(self, provider: str, limit: int) -> None:
        self.limit = limit
        self.waiting = 0
        self.in_flight = 0
        self._provider = provider
        self._free = asyncio.Semaphore(limit)

    def slot(self, patience: float) -> "_Slot":
        """Return a context that holds one slot.

        Raises:
            BulkheadFull: no slot became free within `patience` seconds.
        """
        return _Slot(self, patience)

    def leave(self) -> None:
        """Free a slot."""
        self.in_flight -= 1
        self._free.release()

    async def enter(self, patience: float) -> None:
        """Take a slot, waiting for one if necessary."""
        if not self._free.locked():
            await self._free.acquire()  # without waiting: no other task runs between the check and this
            self.in_flight += 1
            return
        self.waiting += 1
        timer = asyncio.timeout(patience)
        try:
            async with timer:
                await self._free.acquire()
        except TimeoutError as error:
            raise BulkheadFull(f"{self._provider}: {self.limit} calls are under way") from error
        finally:
            self.waiting -= 1
        self.in_flight += 1


class _Slot(Struct, frozen=True):
    """The context of one slot; no generator, because it stands in the path of every call."""

    bulkhead: Bulkhead
    patience: float

    def __aenter__(self) -> Awaitable[None]:
        return self.bulkhead.enter(self.patience)

    async def __aexit__(self, *ended: object) -> None:
        self.bulkhead.leave()
