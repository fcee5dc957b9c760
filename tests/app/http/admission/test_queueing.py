"""The queueing delay: the least lateness of timers in an interval, and the least wait for a connection."""

import asyncio

import pytest

from app.http.admission.queueing import SECONDS_BETWEEN, QueueingDelay
from tests.support.clock import FakeClock, simulate

SECONDS = 0.1


class Measured:
    """What was measured, as long as there is work."""

    def __init__(self, intervals: int, waits: float = 0.0) -> None:
        self.delays: list[float] = []
        self._left = intervals
        self.delay = QueueingDelay(lambda: waits, self._note, SECONDS)

    def _note(self, delay: float, seconds: float) -> bool:
        assert seconds >= SECONDS
        self.delays.append(delay)
        self._left -= 1
        return self._left > 0


@pytest.mark.parametrize(("late", "least"), [([0.03] * 9, 0.02), ([0.03, 0.0, 0.03, 0.0] * 3, 0.0)])
def test_the_least_lateness_counts(late: list[float], least: float) -> None:
    """One timer that is late is a pause, all of them are a queue."""

    async def scene(clock: FakeClock) -> None:
        measured = Measured(1)
        measured.delay.begin()
        for seconds in late:
            await asyncio.sleep(SECONDS_BETWEEN / 2)
            clock.pass_by(seconds)  # the loop computes
            await asyncio.sleep(0.001)

        assert measured.delays[0] == pytest.approx(least, abs=0.003)

    simulate(scene)


def test_a_wait_for_connections_counts() -> None:
    """Also where the loop is never late."""

    async def scene(_: FakeClock) -> None:
        measured = Measured(1, waits=0.2)
        measured.delay.begin()
        await asyncio.sleep(2 * SECONDS)

        assert measured.delays == [0.2]

    simulate(scene)


def test_it_rests_without_work() -> None:
    """No timer runs then; with new work it begins anew, and only once."""

    async def scene(_: FakeClock) -> None:
        measured = Measured(2)
        measured.delay.begin()
        measured.delay.begin()
        await asyncio.sleep(10)
        rested = len(measured.delays)
        measured.delay.begin()
        await asyncio.sleep(10)

        assert (rested, len(measured.delays)) == (2, 3)

    simulate(scene)
