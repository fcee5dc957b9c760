"""Group commit: writes that arrive while one is under way go to the database together, as its next statement.

A statement costs a round trip and a flush to disk whether it stores one memory or fifty. A write that meets no other
goes at once, so nobody waits for company.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from providers.errors import ProviderError

MAX_COMBINED = 128  # writes in one statement

Item = TypeVar("Item")
Result = TypeVar("Result")


class Combiner(Generic[Item, Result]):
    """Combine concurrent calls into batches, at most `lanes` batches at a time.

    `store` gets the items of a batch and gives their results in order. If it raises, each of a batch's items is stored
    alone, so that one bad item cannot fail its neighbours; storing must therefore be harmless to repeat.
    """

    def __init__(self, store: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], lanes: int) -> None:
        self._store = store
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._free_lanes = lanes
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, item: Item) -> Result:
        """Store one item together with whatever else is waiting, and give its result."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._start_lane()
        return await future

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start_lane(self) -> None:
        if self._free_lanes and self._waiting:
            self._free_lanes -= 1
            # A task of its own: the request that began it may be cancelled, its company must not be.
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_COMBINED], self._waiting[MAX_COMBINED:]
                # Whoever was cancelled while waiting has not been stored and never will be.
                batch = [(item, future) for item, future in batch if not future.done()]
                if batch:
                    await self._store_batch(batch)
        finally:
            self._free_lanes += 1

    async def _store_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._store([item for item, _ in batch])
        except ProviderError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - handed on unchanged to those who wait, who would wait for ever otherwise
            # This task has no caller: its futures are the only way on which a bug reaches the requests it belongs to.
            if len(batch) == 1:
                _fail(batch, error)
            else:
                for pair in batch:
                    await self._store_batch([pair])
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)


def _fail(batch: list[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
