"""An event loop for thousands of simulated runs: its time jumps, and it knows nothing of sockets and threads."""

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from msgspec import Struct

from tests.support.clock import FakeClock

T = TypeVar("T")


class _Call(Struct, eq=False):
    """Something to be called, unless it is cancelled before; a struct, because hundreds are made in each second."""

    callback: Callable[..., object]
    args: tuple[Any, ...]
    context: Context
    moment: float = 0.0
    cancelled: bool = False

    def cancel(self) -> None:
        """Do not call it any more."""
        self.cancelled = True

    def when(self) -> float:
        """Return the moment for which it is planned."""
        return self.moment


class JumpingLoop(asyncio.BaseEventLoop):
    """As `tests.support.clock.SimulatedLoop`, but faster; of calls due at one moment the first planned comes first.

    It replaces what `BaseEventLoop` does with its ready queue and its timers; an error in a callback ends the run.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self._number = count().__next__
        self._calls: deque[_Call] = deque()
        self._timers: list[tuple[float, int, _Call]] = []

    _stopping: bool  # of the base

    # Futures and tasks ask for it when they are made: a call of a type needs no frame.
    get_debug = staticmethod(bool)

    def time(self) -> float:
        """Return the time in seconds."""
        return self._clock.now

    # A handle of the base has a name, a source of its own, and a place to be shown in: none of it is needed here.

    def call_soon(  # type: ignore[override]  # a handle that is enough for futures, tasks and timeouts
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as its base
        context: Context | None = None,
    ) -> _Call:
        """See `AbstractEventLoop`."""
        call = _Call(callback, args, copy_context() if context is None else context)
        self._calls.append(call)
        return call

    def call_at(  # type: ignore[override]  # as above
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as its base
        context: Context | None = None,
    ) -> _Call:
        """See `AbstractEventLoop`."""
        call = _Call(callback, args, copy_context() if context is None else context, when)
        heappush(self._timers, (when, self._number(), call))
        return call

    def call_later(  # type: ignore[override]  # as above
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as its base
        context: Context | None = None,
    ) -> _Call:
        """See `AbstractEventLoop`."""
        when = self._clock.now + delay
        call = _Call(callback, args, copy_context() if context is None else context, when)
        heappush(self._timers, (when, self._number(), call))
        return call

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there are no other threads

    def end(self) -> None:
        """Cancel what is left, and close."""
        while left := asyncio.all_tasks(self):  # one that ends may begin another
            for task in left:
                task.cancel()
            self.run_until_complete(_ended(left))
        self.run_until_complete(self.shutdown_asyncgens())
        self.close()

    def _run_once(self) -> None:
        """Do one round after the other, until the loop is to stop after one."""
        calls, timers, clock = self._calls, self._timers, self._clock
        while not self._stopping:
            now = clock.now
            while timers:
                when, _, timer = timers[0]
                if not timer.cancelled:
                    if when > now:
                        if calls:
                            break
                        clock.now = now = when
                    calls.append(timer)
                heappop(timers)
            if not calls:
                raise AssertionError("everybody waits and no timer runs: this would hang for ever")
            for _ in range(len(calls)):
                call = calls.popleft()
                if not call.cancelled:
                    call.context.run(call.callback, *call.args)


def simulate_fast(main: Callable[[FakeClock], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in simulated time, and cancel what it leaves behind."""
    clock = FakeClock()
    loop = JumpingLoop(clock)
    gc.disable()  # a run is over soon, and looking for cycles in between would be a tenth of it
    try:
        return loop.run_until_complete(main(clock))
    finally:
        loop.end()
        gc.enable()


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
