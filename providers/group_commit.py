"""Group commit: writes that arrive while one is under way go to the database together, as its next statement.

A statement costs a round trip and a flush to disk whether it stores one memory or fifty. A write that meets no other
goes at once, so nobody waits for company.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from observability import tracing
from providers.errors import ProviderError
from providers.timing import time_limit

MAX_COMBINED = 128  # writes in one statement

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(NamedTuple, Generic[Item, Result]):
    """A write that waits; `span` is what it is a piece of, `ends_at` when its own try ends."""

    item: Item
    future: asyncio.Future[Result]
    span: tracing.Span
    ends_at: float | None


class Combiner(Generic[Item, Result]):
    """Combine concurrent calls into batches, at most `lanes` batches at a time.

    `store` gets the items of a batch and gives their results in order. If it raises, each of a batch's items is stored
    alone, so that one bad item cannot fail its neighbours; storing must therefore be harmless to repeat.
    """

    def __init__(self, store: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], lanes: int) -> None:
        self._store = store
        self._waiting: list[_Waiting[Item, Result]] = []
        self._given_up = 0
        self._free_lanes = lanes
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, item: Item) -> Result:
        """Store one item together with whatever else is waiting, and give its result."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, future, tracing.current.get(), time_limit.ends_at.get()))
        self._start_lane()
        try:
            return await future
        finally:
            if future.cancelled():
                self._forget_one()

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget_one(self) -> None:
        """Keep nothing of those who have given up, however long the database hangs."""
        self._given_up += 1
        if self._given_up > MAX_COMBINED:
            self._waiting = [waiting for waiting in self._waiting if not waiting.future.done()]
            self._given_up = 0

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
                batch = [waiting for waiting in batch if not waiting.future.done()]
                if batch:
                    await self._store_batch(batch)
        finally:
            self._free_lanes += 1

    async def _store_batch(self, batch: list[_Waiting[Item, Result]]) -> None:
        # What all of them wait for is traced for the first, and not for whoever happened to begin this task.
        tracing.current.set(batch[0].span)
        # And it lasts as long as the most patient of them waits.
        time_limit.ends_at.set(time_limit.latest([waiting.ends_at for waiting in batch]))
        try:
            results = await self._store([waiting.item for waiting in batch])
        except ProviderError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - handed on unchanged to those who wait, who would wait for ever otherwise
            # This task has no caller: its futures are the only way on which a bug reaches the requests it belongs to.
            if len(batch) == 1:
                _fail(batch, error)
            else:
                for waiting in batch:
                    await self._store_batch([waiting])
        else:
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)


def _fail(batch: list[_Waiting[Item, Result]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.future.done():
            waiting.future.set_exception(error)
