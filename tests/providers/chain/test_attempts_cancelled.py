"""A caller who goes away takes the call along, at whatever point, and leaves nothing behind."""

import asyncio

import pytest

from providers.chain.breaker_state import BreakerState
from providers.chain.policy import AttemptPolicy, OperationClass
from providers.errors import Throttled
from tests.providers.chain.rig import DOWN, HANGING, OK, Rig, Step
from tests.support.clock import FakeClock, simulate, simulate_cancelled

PAUSING = AttemptPolicy(first_wait=0.2)
SCENARIOS = {
    "answers": [Step(0.1)],
    "answers at once": [Step()],
    "fails, then answers": [DOWN, Step(0.1)],
    "hangs twice": [HANGING],
    "asks for patience": [Step(0.0, Throttled("busy", retry_after=0.1)), OK],
}


@pytest.mark.parametrize("operation", [OperationClass.RECALL, OperationClass.REMEMBER])
@pytest.mark.parametrize("half_open", [False, True], ids=["closed", "half open"])
@pytest.mark.parametrize("full", [False, True], ids=["free", "full"])
@pytest.mark.parametrize("script", SCENARIOS.values(), ids=SCENARIOS)
def test_a_cancellation_at_any_point_leaves_nothing_behind(
    *, script: list[Step], full: bool, half_open: bool, operation: OperationClass
) -> None:
    """Wherever the call waits - for a place, an answer, the next try - it ends at once and gives everything back."""
    rigs: list[Rig] = []

    async def main(clock: FakeClock) -> None:
        rig = Rig(clock, *script, places=1, policy=PAUSING)
        rigs.append(rig)
        if half_open:
            rig.open_breaker()
            clock.now += 6.0
        if full:
            async with asyncio.TaskGroup() as group:
                group.create_task(occupy(rig, 0.05))
                await asyncio.sleep(0.01)
                group.create_task(rig.ended(operation))
        else:
            await rig.ended(operation)

    step = 1
    while simulate_cancelled(step, main):
        step += 1
    assert len(rigs) == step - 1  # the first cancellation comes before anything began
    for rig in rigs:
        snapshot = rig.breaker.snapshot()
        failures = sum(outcome in {"unavailable", "timeout", "throttled"} for outcome in rig.seen.outcomes)
        assert rig.is_at_rest()
        assert rig.bulkhead.enter_now()
        if not half_open:
            assert (snapshot.state, snapshot.failures) == (BreakerState.CLOSED, failures)
        elif not failures and "ok" not in rig.seen.outcomes:
            assert snapshot.state is BreakerState.HALF_OPEN
            assert not rig.breaker.refuses()


async def occupy(rig: Rig, seconds: float) -> None:
    """Take the only place for a while."""
    assert rig.bulkhead.enter_now()
    try:
        await asyncio.sleep(seconds)
    finally:
        rig.bulkhead.leave()


def test_a_cancelled_try_is_told_as_such() -> None:
    """The observer hears of the cancellation, and the breaker does not."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, HANGING)
        call = asyncio.ensure_future(rig.run())
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        return rig

    rig = simulate(main)
    assert (rig.seen.outcomes, rig.breaker.snapshot().calls) == (["cancelled"], 0)


def test_a_timeout_around_the_attempts_fires_when_it_should() -> None:
    """An outer timeout ends the call on time, in the middle of any try, and is not taken for one of ours."""

    async def main(clock: FakeClock) -> None:
        for tenths in range(1, 12):
            rig = Rig(clock, HANGING)
            began = clock.now
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(tenths / 30):
                    await rig.run()
            assert clock.now - began == pytest.approx(tenths / 30)
            assert rig.is_at_rest()

    simulate(main)


def test_a_crowd_of_which_half_goes_away_leaves_nothing_behind() -> None:
    """A hundred concurrent calls, every second of them cancelled at another moment: the rest are answered."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.02), places=8)
        calls = [asyncio.ensure_future(rig.run(OperationClass.REPLAY)) for _ in range(100)]
        for call in calls[::2]:
            await asyncio.sleep(0.003)
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(outcome == "done" for outcome in outcomes[1::2])
        return rig

    rig = simulate(main)
    assert rig.is_at_rest()
    assert rig.backend.most_at_once == 8
