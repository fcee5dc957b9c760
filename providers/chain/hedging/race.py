"""A race: a call, another one beside it when patience ends, and the first result of the two."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from providers import background
from providers.chain.deadline import Clock
from providers.timing.lag_tolerant import LagTolerantTimer

Result = TypeVar("Result")


class Race(ABC, Generic[Result]):
    """Surround a call, and begin a second one after `patience` seconds without the lag of this process, None for never.

    The first call is the body of the context: nearly always there is no second one, and then there is no further task
    either. `result` is that of the call that is over first and has one, None if neither has. The call that loses is
    cancelled, and nobody waits until it has ended.
    """

    __slots__ = ("_interrupt", "_second", "_timer", "late", "result", "won_by_second")

    def __init__(self, patience: float | None, now: Clock) -> None:
        self.result: Result | None = None
        self.late = False  # whether patience has ended before the first call
        self.won_by_second = False
        self._second: asyncio.Task[Result | None] | None = None
        self._interrupt: asyncio.Timeout | None = None  # of the first call, while that is under way
        self._timer = None if patience is None else LagTolerantTimer(patience, self._patience_ended, now=now)

    @abstractmethod
    def begin_second(self) -> Coroutine[Any, Any, Result | None] | None:
        """Begin the second call; return None if there is to be none."""

    @abstractmethod
    def ended(self, error: BaseException | None) -> bool:
        """Set the result of the first call, which has ended with this error; return whether the race goes on."""

    async def __aenter__(self) -> Self:
        if self._timer is not None:
            self._timer.start()
            self._interrupt = asyncio.timeout(None)
            await self._interrupt.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        try:
            if self._timer is not None:
                self._timer.cancel()
            if self._interrupt is not None and await self._interrupted(self._interrupt, kind, error, traceback):
                return True
            if not self.ended(error):
                return False
            if self.result is None and self._second is not None:
                self.result = await self._second
                self.won_by_second = self.result is not None
            return True
        finally:
            if self._second is not None:
                self._second.cancel()

    async def _interrupted(
        self,
        interrupt: asyncio.Timeout,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Return whether the second call has ended the race; then its result is the one that counts."""
        self._interrupt = None
        try:
            await interrupt.__aexit__(kind, error, traceback)
        except TimeoutError:
            if self._second is None:
                raise
            self.result = self._second.result()
            self.won_by_second = True
        return self.won_by_second

    def _patience_ended(self) -> None:
        self.late = True
        call = self.begin_second()
        if call is not None:
            self._second = asyncio.get_running_loop().create_task(call, name="hedge")
            self._second.add_done_callback(self._second_ended)

    def _second_ended(self, task: "asyncio.Task[Result | None]") -> None:
        background.note_bug(task)
        if self._interrupt is None or task.cancelled() or task.exception() is not None:
            return
        if task.result() is not None:
            self._interrupt.reschedule(asyncio.get_running_loop().time())
