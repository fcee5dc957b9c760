"""A race: a call, another one beside it when patience ends, and the first result of the two."""

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from providers import background
from providers.chain.deadline import Clock
from providers.timing.lag_tolerant import LagTolerantTimer

Result = TypeVar("Result")


class Race(Generic[Result]):
    """Surround a call, and begin a second one after `patience` seconds without the lag of this process, None for never.

    The first call is the body of the context: nearly always there is no second one, and then there is no further task
    either, and nothing to be awaited. `result` is that of the call that is over first and has one. Where there is none
    at the end of the context, and a second call is `under_way`, that is to be awaited. The call that loses is
    cancelled, and nobody waits until it has ended.
    """

    __slots__ = (
        "_before",
        "_interrupting",
        "_now",
        "_patience",
        "_second",
        "_task",
        "_timer",
        "late",
        "result",
        "won_by_second",
    )

    def __init__(self, patience: float | None, now: Clock) -> None:
        self._now = now
        self.result: Result | None = None
        self.late = False  # whether patience has ended before the first call
        self.won_by_second = False
        self._patience = patience
        self._second: asyncio.Task[Result | None] | None = None
        self._task: asyncio.Task[Any] | None = None  # of the first call, while that is under way
        self._before = 0  # how often that task was cancelled before
        self._interrupting = False
        self._timer: LagTolerantTimer | None = None

    @abstractmethod
    def begin_second(self) -> Coroutine[Any, Any, Result | None] | None:
        """Begin the second call; return None if there is to be none."""

    @abstractmethod
    def ended(self, error: BaseException | None) -> bool:
        """Set the result of the first call, which has ended with this error; return whether the race goes on."""

    @property
    def under_way(self) -> bool:
        """Whether there is no result yet, and a second call that may have one."""
        return self.result is None and self._second is not None

    async def wait(self) -> None:
        """Wait for the result of the second call."""
        if self._second is not None:
            try:
                self.result = await self._second
                self.won_by_second = self.result is not None
            finally:
                self._second.cancel()

    def __enter__(self) -> Self:
        if self._patience is not None:
            task = self._task = asyncio.current_task()
            self._before = 0 if task is None else task.cancelling()
            self._timer = LagTolerantTimer(self._patience, self._patience_ended, now=self._now)
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None  # otherwise it and this would refer to each other
        task, self._task = self._task, None
        if self._interrupting and task is not None and self._second is not None:
            # As `asyncio.timeout` does it: a cancellation from outside goes on.
            ours = task.uncancel() <= self._before
            if ours and isinstance(error, asyncio.CancelledError):
                self.result = self._second.result()
                self.won_by_second = True
                return True
        goes_on = self.ended(error)
        if self._second is not None and (self.result is not None or not goes_on):
            self._second.cancel()
        return goes_on

    def _patience_ended(self) -> None:
        self.late = True
        call = self.begin_second()
        if call is not None:
            self._second = asyncio.get_running_loop().create_task(call, name="hedge")
            self._second.add_done_callback(self._second_ended)

    def _second_ended(self, second: "asyncio.Task[Result | None]") -> None:
        background.note_bug(second)
        if self._task is None or second.cancelled() or second.exception() is not None:
            return
        if second.result() is not None:
            self._interrupting = True
            self._task.cancel()
