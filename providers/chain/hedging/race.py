"""A race: a call, another one beside it when patience ends, and the first good result of the two."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from providers import background
from providers.chain.deadline import Clock
from providers.timing.lag_tolerant import LagTolerantTimer

Result = TypeVar("Result")


class Race(Generic[Result]):
    """Await a first call, with a second one beside it after `patience` seconds without the lag of this process.

    `second` begins the second call, or returns None if there is to be none; `good` tells whether a result ends the
    race. The first call is awaited by the task that runs the race: nearly always there is no second one, and then there
    is no further task either. The call that loses is cancelled, and nobody waits until it has ended.
    """

    __slots__ = ("_begin", "_good", "_interrupt", "_second", "_timer", "late", "won_by_second")

    def __init__(
        self,
        patience: float,
        second: Callable[[], Coroutine[Any, Any, Result] | None],
        good: Callable[[Result], bool],
        now: Clock,
    ) -> None:
        self.won_by_second = False
        self.late = False  # whether patience has ended before the first result
        self._begin = second
        self._good = good
        self._second: asyncio.Task[Result] | None = None
        self._interrupt: asyncio.Timeout | None = None  # of the first call, while that is awaited
        self._timer = LagTolerantTimer(patience, self._patience_ended, now=now)

    async def result(self, first: Awaitable[Result]) -> Result:
        """Return the first good result, or else that of the first call; None is no result at all."""
        try:
            result = await self._first_result(first)
            if self._second is None or self.won_by_second or self._good(result):
                return result
            other = await self._second
            self.won_by_second = self._good(other) or (result is None and other is not None)
            return other if self.won_by_second else result
        finally:
            if self._second is not None:
                self._second.cancel()

    async def _first_result(self, first: Awaitable[Result]) -> Result:
        self._timer.start()
        try:
            async with asyncio.timeout(None) as self._interrupt:
                return await first
        except TimeoutError:
            if self._interrupt is None or not self._interrupt.expired() or self._second is None:
                raise  # not raised by the second call: a bug in the first one
            self.won_by_second = True
            return self._second.result()
        finally:
            self._interrupt = None
            self._timer.cancel()

    def _patience_ended(self) -> None:
        self.late = True
        call = self._begin()
        if call is not None:
            self._second = asyncio.get_running_loop().create_task(call, name="hedge")
            self._second.add_done_callback(self._second_ended)

    def _second_ended(self, task: "asyncio.Task[Result]") -> None:
        background.note_bug(task)
        if self._interrupt is None or task.cancelled() or task.exception() is not None:
            return
        if self._good(task.result()):
            self._interrupt.reschedule(asyncio.get_running_loop().time())
