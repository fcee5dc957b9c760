"""The limit in simulated time: it finds what a server can do, and follows when the server can do less or more."""

import asyncio
from random import Random
from statistics import quantiles

import pytest

from app.http.admission.control import Control
from app.http.admission.limit import INTERVAL, AdaptiveLimit
from app.http.admission.queueing import SECONDS_BETWEEN
from app.http.admission.sharing import NoRoom
from app.settings.model import AdmissionSettings
from tests.support.clock import FakeClock, simulate
from tests.support.processor import Processor

UNITS = 13.0  # of a request
WORK = 0.026  # seconds of one processor: 2 ms a unit
STORE = 0.02  # seconds in which the request waits for a store and takes nothing
CAPACITY = 1 / WORK  # requests a second


class Server:
    """A server under open-loop load, whose processor alone is real work."""

    def __init__(self, clock: FakeClock) -> None:
        self.control = Control(AdmissionSettings(min_limit=64))
        self.processor = Processor()
        self.done: list[tuple[float, float]] = []  # when, and how long it took
        self.refused: list[float] = []  # how long that took
        self._clock, self._chance = clock, Random(1)  # noqa: S311 - no secret

    async def arrive(self) -> None:
        """Serve one request or refuse it."""
        began, shared = self._clock(), self.control.shared
        slot = shared.arrive("caller", b"user")
        try:
            if not shared.take(slot, UNITS):
                await shared.wait(slot, UNITS)
            await self.processor.compute(WORK / 2)
            await asyncio.sleep(STORE)
            await self.processor.compute(WORK / 2)
            self.done.append((self._clock(), self._clock() - began))
        except NoRoom:
            self.refused.append(self._clock() - began)
        finally:
            shared.depart(slot)

    async def load(self, rate: float, seconds: float) -> None:
        """Let requests arrive for so long, and be over."""
        async with asyncio.TaskGroup() as group:
            for _ in range(round(rate * seconds)):
                group.create_task(self.arrive())
                await asyncio.sleep(self._chance.expovariate(rate))

    async def control_it(self) -> None:
        """Do what the timer of the real one does."""
        while True:
            delays = []
            for _ in range(round(INTERVAL / SECONDS_BETWEEN)):
                await asyncio.sleep(SECONDS_BETWEEN)
                delays.append(self.processor.delay)
            self.control.adjust(min(delays), INTERVAL)

    def goodput(self, start: float, end: float) -> float:
        """Return the requests a second that were done within a time."""
        return sum(start <= when < end for when, _ in self.done) / (end - start)

    def p99(self, start: float, end: float) -> float:
        """Return how long all but a hundredth of those took at most, in seconds."""
        return quantiles([took for when, took in self.done if start <= when < end], n=100)[-1]


async def _at_half(clock: FakeClock) -> float:
    server = Server(clock)
    began = clock()
    controlling = asyncio.create_task(server.control_it())
    await server.load(CAPACITY / 2, 10)
    controlling.cancel()
    assert server.refused == []
    return server.p99(began, clock())


@pytest.mark.parametrize("times", [2, 10])
def test_half_of_the_processor_is_taken_away(times: int) -> None:
    """Under any overload the server does what it can, before and after, and nobody waits for long."""

    async def scene(clock: FakeClock) -> None:
        server, usual = Server(clock), await _at_half(clock)
        began = clock()
        controlling = asyncio.create_task(server.control_it())
        loading = asyncio.create_task(server.load(CAPACITY * times, 16))
        await asyncio.sleep(8)
        server.processor.speed = 0.5
        await loading
        controlling.cancel()

        assert server.goodput(began + 3, began + 8) >= 0.8 * CAPACITY
        assert server.goodput(began + 10, began + 16) >= 0.8 * CAPACITY / 2
        assert server.p99(began + 3, began + 8) <= 3 * usual
        assert server.p99(began + 10, began + 16) <= 3 * 2 * usual
        assert max(server.refused) <= 0.031
        assert (server.control.shared.used, server.control.shared.requests) == (0, 0)

    simulate(scene)


def test_a_processor_that_comes_back_is_used() -> None:
    """After a time with a tenth of it the server soon does all that it can again."""

    async def scene(clock: FakeClock) -> None:
        server = Server(clock)
        server.processor.speed = 0.1
        began = clock()
        controlling = asyncio.create_task(server.control_it())
        loading = asyncio.create_task(server.load(CAPACITY * 2, 20))
        await asyncio.sleep(10)
        server.processor.speed = 1.0
        await loading
        controlling.cancel()

        assert server.goodput(began + 12, began + 20) >= 0.8 * CAPACITY

    simulate(scene)


def test_a_store_that_does_not_answer_lowers_nothing() -> None:
    """Requests that wait for it are no reason to refuse those that another store answers."""
    limit = AdaptiveLimit(256, 2_000)
    for _ in range(100):
        limit.adjust(0.0, limit.units, reached=False)

    assert limit.units == 1_024


def test_the_limit_stays_within_its_bounds() -> None:
    """However long the delay is, and however long there is none."""
    limit = AdaptiveLimit(256, 2_000)
    for _ in range(100):
        limit.adjust(1.0, limit.units, reached=True)
    low = limit.units
    for _ in range(1_000):
        limit.adjust(0.0, limit.units, reached=True)

    assert (low, limit.units) == (256, 2_000)


def test_one_pause_is_no_overload() -> None:
    """The limit comes down by a share after one interval, whatever the delay was."""
    limit = AdaptiveLimit(1, 1_000)
    limit.units = 1_000
    limit.adjust(10.0, 1_000, reached=True)

    assert limit.units == 700
