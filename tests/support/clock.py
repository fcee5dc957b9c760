"""Time that passes only in a test: a clock moved by hand, and an event loop that jumps over every wait."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from providers.states.clock import HybridClock

T = TypeVar("T")

START = 1_000.0  # seconds; not zero, since a monotonic clock starts anywhere


class FakeClock:
    """Seconds that pass when a test says so, or when a task sleeps."""

    def __init__(self, start: float = START) -> None:
        self.now = start
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let the time pass while nobody does anything."""
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.now += seconds


def hybrid_clock(now: Callable[[], float]) -> HybridClock:
    """Return a clock for versions that takes the time from this one."""
    return HybridClock(lambda: int(now() * 1000))


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: what would be waited for is added to the clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.steps = 0
        self.before_step: Callable[[int], bool] = lambda _step: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; let the time jump to the next timer if the loop has nothing else to do."""
        self.steps += 1
        ready = super().select(0)
        if self.before_step(self.steps) or ready:
            return ready
        if timeout is None:
            raise AssertionError("everybody waits and no timer runs: this would hang for ever")
        self._clock.now += timeout
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on a fake clock: `asyncio.sleep` and `asyncio.timeout` take no real time.

    Threads and sockets have no place in it, for their time is real.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.selector = _JumpingSelector(self.clock)
        super().__init__(self.selector)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the time in seconds."""
        return self.clock.now


def simulate(main: Callable[[FakeClock], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulatedLoop)
        return runner.run(main(loop.clock))


def simulate_cancelled(step: int, main: Callable[[FakeClock], Coroutine[Any, Any, Any]]) -> bool:
    """Run a coroutine and cancel it when the loop has turned `step` times; return whether that was in time.

    Counting up from 1 until it comes too late cancels at every point where the coroutine waits, in the very moment
    when it starts to wait as well as when it is about to go on.
    """
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, SimulatedLoop)
        selector = loop.selector

        async def watched() -> bool:
            task = asyncio.ensure_future(main(loop.clock))
            began, cancelled_at = selector.steps, loop.clock.now

            def cancel(turn: int) -> bool:
                nonlocal cancelled_at
                cancelled_at = loop.clock.now
                return turn == began + step and task.cancel()

            selector.before_step = cancel
            await asyncio.wait([task])
            selector.before_step = lambda _step: False
            if not task.cancelled():
                task.result()
                return False
            assert loop.clock.now == cancelled_at, "the cancellation was not prompt"
            assert asyncio.all_tasks() == {asyncio.current_task()}, "something still runs"
            return True

        return runner.run(watched())
