"""Waits for clients: who has waited for long enough, by which clock, and at what price."""

import asyncio
import time

import pytest

from app.http.connections.fair_timeouts import LONGEST_TICK, FairTimeouts


class CountingLoop(asyncio.SelectorEventLoop):
    """A loop that counts its timers."""

    timers = 0

    def call_at(self, *given: object, **named: object) -> asyncio.TimerHandle:
        """Take one more."""
        self.timers += 1
        handle: asyncio.TimerHandle = super().call_at(*given, **named)  # type: ignore[arg-type] # handed on
        return handle


async def forever() -> None:
    """What never comes."""
    await asyncio.Event().wait()


async def soon() -> str:
    """What comes after others have had their turn."""
    await asyncio.sleep(0)
    return "come"


async def test_what_comes_in_time_is_given() -> None:
    """Also where another wait has ended in vain meanwhile."""
    waiting = FairTimeouts()
    late = asyncio.create_task(waiting.until(0.1, forever()))

    assert await waiting.until(60.0, soon()) == "come"
    with pytest.raises(TimeoutError):
        await late
    assert await waiting.until(60.0, soon()) == "come"


async def test_who_has_less_time_ends_first() -> None:
    """By the clock, not by who has begun first."""
    waiting, ended = FairTimeouts(), list[float]()

    async def wait(due: float) -> None:
        with pytest.raises(TimeoutError):
            await waiting.until(due, forever())
        ended.append(due)

    await asyncio.gather(*(wait(due) for due in (0.5, 0.1, 0.3)))

    assert ended == [0.1, 0.3, 0.5]


async def test_no_client_is_to_blame_for_a_process_that_was_stopped() -> None:
    """Of a long pause of the loop a tick or two counts."""
    waiting = FairTimeouts()
    waited = asyncio.create_task(waiting.until(60.0, forever()))
    await asyncio.sleep(0)

    time.sleep(3 * LONGEST_TICK)  # noqa: ASYNC251 - nothing else shall go on
    await asyncio.sleep(0.01)

    assert 0 < waiting.clock <= LONGEST_TICK
    waited.cancel()


async def test_the_clock_stands_still_while_nobody_is_waited_for() -> None:
    """What passes between two parts of a body, while the service itself is at work, is not the client's time."""
    waiting = FairTimeouts()
    await waiting.until(60.0, soon())
    await asyncio.sleep(3 * LONGEST_TICK)
    before = waiting.clock

    await asyncio.sleep(3 * LONGEST_TICK)

    assert waiting.clock == before


def test_a_thousand_waits_take_one_timer() -> None:
    """Nearly every request waits for nothing."""
    loop = CountingLoop()

    async def wait() -> None:
        waiting = FairTimeouts()
        for _ in range(1_000):
            await waiting.until(60.0, soon())

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(wait())

    assert loop.timers < 10
