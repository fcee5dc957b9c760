"""Group commit: writes that arrive while a statement is under way go to the database together, as the next statement.

A statement costs a round trip and a flush to disk whether it stores one memory or fifty. A write that meets no other is
sent at once, so no write waits for others to join.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

from observability import tracing
from providers.errors import ProviderError
from providers.timing import time_limit

MAX_COMBINED = 128  # writes in one statement

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(NamedTuple, Generic[Item, Result]):
    """A write in the queue; `span` is the trace span that it belongs to, `ends_at` when its try ends."""

    item: Item
    future: asyncio.Future[Result]
    span: tracing.Span
    ends_at: float | None


class Combiner(Generic[Item, Result]):
    """Combine concurrent calls into batches, at most `lanes` batches at a time.

    `store` receives the items of a batch and returns their results in order. If it raises, each of the items is stored
    alone, so that one bad item cannot fail the others; storing must therefore be idempotent. Only items with one `key`
    share a batch.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        lanes: int,
        key: Callable[[Item], Hashable] = lambda _item: None,
    ) -> None:
        self._store = store
        self._key = key
        self._waiting: list[_Waiting[Item, Result]] = []
        self._given_up = 0
        self._free_lanes = lanes
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, item: Item) -> Result:
        """Store one item together with all others in the queue, and return its result."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, future, tracing.current.get(), time_limit.ends_at.get()))
        self._start_lane()
        try:
            return await future
        finally:
            if future.cancelled():
                self._forget_one()

    async def close(self) -> None:
        """Wait for the batches under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget_one(self) -> None:
        """Drop cancelled items from the queue, so that they do not pile up while the database hangs."""
        self._given_up += 1
        if self._given_up > MAX_COMBINED:
            self._waiting = [waiting for waiting in self._waiting if not waiting.future.done()]
            self._given_up = 0

    def _start_lane(self) -> None:
        if self._free_lanes and self._waiting:
            self._free_lanes -= 1
            # A task of its own: cancelling the request that starts it must not cancel the others in its batch.
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = self._taken()
                # Items that were cancelled in the queue are never stored.
                batch = [waiting for waiting in batch if not waiting.future.done()]
                if batch:
                    await self._store_batch(batch)
        finally:
            self._free_lanes += 1

    def _taken(self) -> list[_Waiting[Item, Result]]:
        """Take the items that have waited longest, of those that may share a batch with the very first."""
        first = self._key(self._waiting[0].item)
        batch: list[_Waiting[Item, Result]] = []
        left: list[_Waiting[Item, Result]] = []
        for waiting in self._waiting:
            fits = len(batch) < MAX_COMBINED and self._key(waiting.item) == first
            (batch if fits else left).append(waiting)
        self._waiting = left
        return batch

    async def _store_batch(self, batch: list[_Waiting[Item, Result]]) -> None:
        # The batch is traced as part of its first item, and not of the request that happened to start this task.
        tracing.current.set(batch[0].span)
        # Its time limit is the longest of its items.
        time_limit.ends_at.set(time_limit.latest([waiting.ends_at for waiting in batch]))
        try:
            results = await self._store([waiting.item for waiting in batch])
            answered = [*zip(batch, results, strict=True)]  # a list of another length is a bug like any other
        except ProviderError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - passed on unchanged to the waiting callers, which would otherwise wait for ever
            # This task has no caller: only its futures carry a bug to the requests that it belongs to.
            if len(batch) == 1:
                _fail(batch, error)
            else:
                for waiting in batch:
                    await self._store_batch([waiting])
        else:
            for waiting, result in answered:
                if not waiting.future.done():
                    waiting.future.set_result(result)


def _fail(batch: list[_Waiting[Item, Result]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.future.done():
            waiting.future.set_exception(error)
