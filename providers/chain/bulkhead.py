"""A bound on the calls that a provider has at a time, so that a slow one does not take the whole process with it."""

import asyncio
from types import TracebackType

from providers.chain.errors import BulkheadFull


class Bulkhead:
    """At most `limit` calls at a time; who comes first is let in first."""

    def __init__(self, provider: str, limit: int) -> None:
        self.limit = limit
        self.waiting = 0
        self.in_flight = 0
        self._provider = provider
        self._free = asyncio.Semaphore(limit)

    def slot(self, patience: float) -> "_Slot":
        """Hold a place for as long as the context lasts.

        Raises:
            BulkheadFull: none became free within `patience` seconds.
        """
        return _Slot(self, patience)

    def leave(self) -> None:
        """Give a place back."""
        self.in_flight -= 1
        self._free.release()

    async def enter(self, patience: float) -> None:
        """Take a place, or wait for one."""
        if not self._free.locked():
            await self._free.acquire()  # at once: nothing else runs between the question and this
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


class _Slot:
    """A context manager by hand, since it stands in the path of every call."""

    __slots__ = ("_bulkhead", "_patience")

    def __init__(self, bulkhead: Bulkhead, patience: float) -> None:
        self._bulkhead = bulkhead
        self._patience = patience

    async def __aenter__(self) -> None:
        await self._bulkhead.enter(self._patience)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bulkhead.leave()
