"""What hangs is hardly asked, whoever asks and however little time they have, and is found well again."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from providers.chain.breaker_state import BreakerState
from providers.chain.latency_estimate import LEAST_SAMPLES
from providers.timing.lag_tolerant import LagTolerantTimeout
from tests.providers.chain.rig import DOWN, FOREVER, HANGING, OK, Rig, Step, fail
from tests.support.clock import FakeClock, simulate

HOUR = 3_600.0  # seconds
MOST_CALLS = 70  # an hour
PROBE_LIMIT = 2.0  # seconds, as a chain has it


class Probes:
    """What the breaker asks, and is answered as the provider is: well, hanging, or with a bug."""

    def __init__(self, clock: FakeClock) -> None:
        self.well = False
        self.bug: Exception | None = None
        self.asked = 0
        self._clock = clock

    async def __call__(self) -> bool:
        """Ask once."""
        self.asked += 1
        if self.bug is not None:
            raise self.bug
        if not self.well:
            watch = LagTolerantTimeout(PROBE_LIMIT, now=self._clock)
            try:
                async with watch:
                    await asyncio.sleep(FOREVER)
            except TimeoutError:
                return False
        return True


def _rigged(main: Callable[[Rig, Probes], Coroutine[Any, Any, None]], *script: Step) -> None:
    async def play(clock: FakeClock) -> None:
        probes = Probes(clock)
        await main(Rig(clock, *script, policy=Rig.adaptive(), answers=probes), probes)

    simulate(play)


@pytest.mark.parametrize(("patience", "others"), [(None, False), (None, True), (0.9, True), (0.2, False)])
@pytest.mark.parametrize("known", [0, LEAST_SAMPLES])
def test_what_hangs_is_hardly_asked(known: int, patience: float | None, others: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Seventy times an hour, probes included, also by callers none of whom waits long enough to know anything."""

    async def main(rig: Rig, probes: Probes) -> None:
        for _ in range(known):
            await rig.run()
        end = rig.clock.now + HOUR
        while rig.clock.now < end:
            await rig.ended(seconds=patience, others=others)
            await asyncio.sleep(0.5)
        assert 50 <= len(rig.backend.asked_at) - known + probes.asked <= MOST_CALLS

    _rigged(main, *[OK] * known, HANGING)


def test_who_is_well_again_is_found_well() -> None:
    """After the pause a probe is answered, and then one caller, and then everybody is let through."""

    async def main(rig: Rig, probes: Probes) -> None:
        while rig.breaker.snapshot().state is BreakerState.CLOSED:
            await rig.ended(others=True)
            await asyncio.sleep(PROBE_LIMIT)
        rig.backend.script = [OK]
        probes.well = True
        await asyncio.sleep(10)
        await rig.ended(others=True)
        await asyncio.sleep(0.1)
        assert await rig.run(others=True) == "done"
        assert rig.breaker.snapshot().state is BreakerState.CLOSED

    _rigged(main, HANGING)


def test_who_answers_probes_alone_is_left_alone_longer_and_longer() -> None:
    """A caller has to confirm what a probe has heard, so that pauses still double where calls fail."""

    async def main(rig: Rig, probes: Probes) -> None:
        probes.well = True
        end = rig.clock.now + HOUR
        while rig.clock.now < end:
            await rig.ended(others=True)
            await asyncio.sleep(0.5)
        assert len(rig.backend.asked_at) + probes.asked <= 2 * MOST_CALLS  # each pause ends with one of each

    _rigged(main, DOWN)


def test_a_probe_that_ends_with_a_bug_has_heard_nothing() -> None:
    """The breaker opens all the same, and goes on asking."""

    async def main(rig: Rig, probes: Probes) -> None:
        probes.bug = ValueError("a bug")
        for _ in range(2):
            for _ in range(5):
                if not rig.breaker.refuses():
                    fail(rig.breaker)
            await asyncio.sleep(0.1)
            assert rig.breaker.snapshot().state is BreakerState.OPEN
            await asyncio.sleep(20)
        probes.bug, probes.well = None, True
        await asyncio.sleep(30)
        assert rig.breaker.refuses()  # asks
        await asyncio.sleep(0.1)
        assert not rig.breaker.refuses()

    _rigged(main, OK)


@pytest.mark.parametrize(("well", "ended"), [(True, True), (False, False)])
def test_who_has_become_slow_is_given_more_time(well: bool, ended: bool) -> None:  # noqa: FBT001 - parameters of the test
    """Also where others can be asked, if probes say that it is not hung; what hangs is given no more than before."""

    async def main(rig: Rig, probes: Probes) -> None:
        probes.well = well
        for _ in range(LEAST_SAMPLES):
            await rig.run()
        errors = []
        for _ in range(30):
            errors.append(await rig.ended(others=True))
            await asyncio.sleep(2 * PROBE_LIMIT)

        assert (errors[-1] is None) is ended
        assert [change.state for change in rig.changes[:1]] == ([] if well else [BreakerState.OPEN])

    _rigged(main, *[OK] * LEAST_SAMPLES, Step(2.0) if well else HANGING)
