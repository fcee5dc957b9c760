"""The concurrency limit of a provider, so that a slow provider does not exhaust the whole process."""

import asyncio
from collections import deque

from providers.chain.errors import BulkheadFull


class Bulkhead:
    """Allow at most `limit` calls at a time; calls that wait are admitted in the order in which they came.

    A slot that is left goes directly to the first call that waits. This is no context, and `enter_now` no coroutine,
    because both stand in the path of every call: who has entered must `leave`.
    """

    def __init__(self, provider: str, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0
        self._provider = provider
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait for a slot."""
        return len(self._queue)

    def enter_now(self) -> bool:
        """Take a slot if one is free; return whether one was."""
        if self.in_flight >= self.limit:
            return False
        self.in_flight += 1
        return True

    async def enter(self, patience: float) -> None:
        """Take a slot, waiting for one if necessary.

        Raises:
            BulkheadFull: no slot became free within `patience` seconds.
        """
        if self.enter_now():
            return
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(given)
        try:
            async with asyncio.timeout(patience):
                await given
        except BaseException as error:
            if given.done() and not given.cancelled():
                self.leave()  # it was given at the moment at which the wait was ended
            elif given in self._queue:
                self._queue.remove(given)
            if isinstance(error, TimeoutError):
                raise BulkheadFull(f"{self._provider}: {self.limit} calls are under way") from error
            raise

    def leave(self) -> None:
        """Free a slot, or give it to the call that has waited for the longest time."""
        while self._queue:
            given = self._queue.popleft()
            if not given.done():
                given.set_result(None)
                return
        self.in_flight -= 1
