"""A try ends when the connection is hung, not when the answer is slow."""

import asyncio

import pytest

from providers.chain.errors import CutShort
from providers.chain.latency_estimate import LEAST_SAMPLES
from providers.chain.policy import OperationClass
from providers.errors import TimedOut
from providers.expectations import LEAST_TRY, MOST_TRY, USUAL_FACTOR
from tests.providers.chain.rig import HANGING, OK, Rig, Step
from tests.support.clock import FakeClock, simulate


@pytest.mark.parametrize("seconds", [0.8, 3.0, 9.9])
def test_a_slow_answer_is_waited_for_where_nobody_else_can_be_asked(seconds: float) -> None:
    """Up to the deadline."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(seconds), policy=Rig.adaptive())
        assert await rig.run() == "done"
        return rig

    assert simulate(main).seen.outcomes == ["ok"]


def test_what_had_the_whole_deadline_is_not_tried_again() -> None:
    """A second try of the same had no chance to be quicker; it is one timeout."""

    async def main(clock: FakeClock) -> tuple[list[str], float]:
        rig, began = Rig(clock, HANGING, policy=Rig.adaptive()), clock.now
        assert type(await rig.ended()) is TimedOut
        return rig.seen.outcomes, clock.now - began

    outcomes, seconds = simulate(main)
    assert outcomes == ["timeout"]
    assert seconds == pytest.approx(10.0, abs=0.1)


def test_where_somebody_else_can_be_asked_a_hung_connection_is_given_up_soon() -> None:
    """After the least time where the provider is usually quick, and only once."""

    async def main(clock: FakeClock) -> tuple[list[str], float]:
        rig = Rig(clock, *[OK] * LEAST_SAMPLES, HANGING, policy=Rig.adaptive())
        for _ in range(LEAST_SAMPLES):
            await rig.run()
        began = clock.now
        await rig.ended(others=True)
        return rig.seen.outcomes[LEAST_SAMPLES:], clock.now - began

    outcomes, seconds = simulate(main)
    assert outcomes == ["timeout"]
    assert seconds == pytest.approx(LEAST_TRY, abs=0.01)


def test_a_provider_that_is_usually_slow_is_given_more() -> None:
    """Some times what it usually takes, so that it answers although somebody else could be asked."""

    async def main(clock: FakeClock) -> tuple[str, float]:
        rig = Rig(clock, *[Step(1.2)] * LEAST_SAMPLES, Step(3.5), HANGING, policy=Rig.adaptive())
        for _ in range(LEAST_SAMPLES):
            await rig.run()
        slow = await rig.run(others=True)
        began = clock.now
        await rig.ended(others=True)
        return slow, clock.now - began

    answer, seconds = simulate(main)
    assert answer == "done"
    assert seconds == pytest.approx(USUAL_FACTOR * 1.2, abs=0.1)


def test_a_provider_that_takes_longer_than_the_most_is_given_no_more() -> None:
    """A failover stays quick, however slow the provider usually is."""

    async def main(clock: FakeClock) -> float:
        rig = Rig(clock, *[Step(4.0)] * LEAST_SAMPLES, HANGING, policy=Rig.adaptive())
        for _ in range(LEAST_SAMPLES):
            await rig.run()
        began = clock.now
        await rig.ended(others=True)
        return clock.now - began

    assert simulate(main) == pytest.approx(MOST_TRY, abs=0.1)


def test_a_provider_on_probation_is_given_the_most() -> None:
    """Slower than usual, it could not be found well again otherwise."""

    async def main(clock: FakeClock) -> str:
        rig = Rig(clock, *[OK] * LEAST_SAMPLES, Step(4.0), policy=Rig.adaptive())
        for _ in range(LEAST_SAMPLES):
            await rig.run()
        rig.open_breaker()
        await asyncio.sleep(60)
        return await rig.run(others=True)

    assert simulate(main) == "done"


def test_what_a_deadline_cut_below_the_usual_says_nothing() -> None:
    """A caller who waits for less than some times the usual learns nothing about the provider."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, *[Step(1.0)] * LEAST_SAMPLES, HANGING, policy=Rig.adaptive())
        for _ in range(LEAST_SAMPLES):
            await rig.run()
        for _ in range(20):
            assert type(await rig.ended(seconds=2.9)) is CutShort
        return rig

    assert simulate(main).changes == []


def test_a_process_that_gets_no_processor_blames_nobody() -> None:
    """Late for three of every four tenths of a second, a process has not waited as long as it seems."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, *[OK] * LEAST_SAMPLES, HANGING, policy=Rig.adaptive())
        for _ in range(LEAST_SAMPLES):
            await rig.run()
        stop = asyncio.get_running_loop().create_future()

        def starve() -> None:
            if not stop.done():
                clock.pass_by(0.3)
                asyncio.get_running_loop().call_later(0.1, starve)

        starve()
        calls = [asyncio.ensure_future(rig.ended(seconds=0.45, others=True)) for _ in range(20)]
        ends = await asyncio.gather(*calls)
        stop.set_result(None)
        assert {type(end) for end in ends} == {CutShort}
        return rig

    assert simulate(main).changes == []


def test_deliveries_have_the_most_whoever_else_there_is() -> None:
    """Nobody waits for them."""

    async def main(clock: FakeClock) -> float:
        rig, began = Rig(clock, HANGING, policy=Rig.adaptive()), clock.now
        await rig.ended(OperationClass.REPLAY)
        return clock.now - began

    assert simulate(main) == pytest.approx(MOST_TRY, abs=0.1)
