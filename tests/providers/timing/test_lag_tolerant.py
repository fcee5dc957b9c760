"""A limit of time ends a wait, but what this process was late itself does not count."""

import asyncio

import pytest
import uvloop

from providers.chain.deadline import Deadline
from providers.timing.lag_tolerant import STEP, LagTolerantTimeout
from tests.support.clock import FakeClock, simulate

FOREVER = 1e6  # seconds


async def watched(watch: LagTolerantTimeout, seconds: float) -> bool:
    """Wait for so long, and tell whether that was cut off."""
    try:
        async with watch:
            await asyncio.sleep(seconds)
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("limit", [0.0, STEP / 2, STEP, 3.14 * STEP])
def test_a_wait_ends_at_its_limit(limit: float) -> None:
    """Whether that is less than a step, a step, or some steps and a bit."""

    async def main(clock: FakeClock) -> tuple[bool, float, bool]:
        watch, began = LagTolerantTimeout(limit, now=clock), clock.now
        cut_off = await watched(watch, FOREVER)
        return cut_off, clock.now - began, watch.expired

    cut_off, seconds, expired = simulate(main)
    assert (cut_off, expired) == (True, True)
    assert seconds == pytest.approx(limit, abs=1e-5)


def test_what_is_quicker_is_left_alone() -> None:
    """Nothing is cut off that ends before its limit, and the time is told."""

    async def main(clock: FakeClock) -> tuple[bool, bool, float]:
        watch = LagTolerantTimeout(1.0, now=clock)
        cut_off = await watched(watch, 0.99)
        return cut_off, watch.expired, watch.seconds

    cut_off, expired, seconds = simulate(main)
    assert (cut_off, expired) == (False, False)
    assert seconds == pytest.approx(0.99)


def test_lag_is_given_to_the_limit() -> None:
    """A process that stands still for three of four seconds has waited for one."""

    async def main(clock: FakeClock) -> tuple[bool, float]:
        watch = LagTolerantTimeout(2.0, Deadline.after(30, clock).remaining, clock)
        asyncio.get_running_loop().call_later(0.5, clock.pass_by, 3.0)
        return await watched(watch, 4.5), watch.lag

    cut_off, lag = simulate(main)
    assert not cut_off
    assert lag == pytest.approx(3.0, abs=STEP)


def test_a_wait_that_hangs_ends_in_spite_of_lag() -> None:
    """It is given what the process was late, and no more."""

    async def main(clock: FakeClock) -> tuple[bool, float]:
        watch, began = LagTolerantTimeout(2.0, Deadline.after(30, clock).remaining, clock), clock.now
        for turn in range(4):
            asyncio.get_running_loop().call_later(0.3 + turn, clock.pass_by, 0.5)
        return await watched(watch, FOREVER), clock.now - began

    cut_off, seconds = simulate(main)
    assert cut_off
    assert 2.0 + 3 * 0.5 <= seconds <= 2.0 + 4 * 0.5


def test_the_deadline_is_wall_time() -> None:
    """However late the process was, its caller is told no when it wanted to be told."""

    async def main(clock: FakeClock) -> tuple[bool, float]:
        watch, began = LagTolerantTimeout(2.0, Deadline.after(3.0, clock).remaining, clock), clock.now
        asyncio.get_running_loop().call_later(0.5, clock.pass_by, 2.0)
        return await watched(watch, FOREVER), clock.now - began

    cut_off, seconds = simulate(main)
    assert cut_off
    assert seconds == pytest.approx(3.0, abs=0.1)


def test_what_came_while_nobody_was_there_is_taken() -> None:
    """An answer that lies there when the deadline is found to have passed is an answer."""

    async def main(clock: FakeClock) -> bool:
        answer = asyncio.get_running_loop().create_future()

        def stand_still() -> None:
            clock.pass_by(10.0)
            asyncio.get_running_loop().call_later(0.01, answer.set_result, None)  # it is read in the next turn

        asyncio.get_running_loop().call_later(0.5, stand_still)
        try:
            async with LagTolerantTimeout(5.0, Deadline.after(5.0, clock).remaining, clock):
                await answer
        except TimeoutError:
            return False
        return True

    assert simulate(main)


def test_a_cancellation_from_outside_is_none_of_its_own() -> None:
    """It goes through unchanged."""

    async def main(clock: FakeClock) -> bool:
        task = asyncio.ensure_future(watched(LagTolerantTimeout(1.0, now=clock), FOREVER))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert simulate(main)


def test_the_servers_loop_is_fine_with_any_limit() -> None:
    """Below half a millisecond its timers are of another kind; a wait ends there without an error, too."""
    errors: list[object] = []

    async def main() -> list[bool]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        limits = [number * 0.00005 for number in range(20)]
        return [await watched(LagTolerantTimeout(limit), seconds) for limit in limits for seconds in (0.0, 0.05)]

    cut_off = uvloop.run(main())

    assert cut_off[1::2] == [True] * 20
    assert errors == []
