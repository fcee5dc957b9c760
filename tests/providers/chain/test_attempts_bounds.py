"""A call stays within the bounds of its provider: breaker, budget, places."""

import asyncio

import pytest
from msgspec.structs import replace

from providers.chain.breaker_state import BreakerState
from providers.chain.errors import BreakerOpen, BulkheadFull, CutShort, NoTimeLeft
from providers.chain.observer import GivenUp
from providers.chain.policy import AttemptPolicy, BreakerPolicy, OperationClass, OperationPolicy
from providers.errors import TimedOut, Unavailable
from tests.providers.chain.rig import DOWN, HANGING, LIMITED, OK, SURE, UNSURE, Rig, Step, fail
from tests.support.clock import FakeClock, simulate

REMEMBER = OperationClass.REMEMBER


def test_a_breaker_that_is_open_costs_nothing() -> None:
    """While the breaker refuses, no time passes, nothing is sent, and the error says so and until when."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, OK, chance=lambda: 0.0)
        rig.open_breaker()
        began = clock.now
        error = await rig.ended(REMEMBER)
        assert isinstance(error, BreakerOpen)
        assert (error.ambiguous, error.retry_after, clock.now) == (False, 5.0, began)
        return rig

    rig = simulate(main)
    assert (rig.backend.asked_at, rig.seen.outcomes, rig.seen.given_up) == ([], ["breaker_open"], [])


def test_a_breaker_that_opens_in_between_ends_the_tries() -> None:
    """The failure that opens the breaker is the one that is raised, without a wait."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, DOWN)
        for _ in range(4):
            fail(rig.breaker)
        assert await rig.ended() is DOWN.error
        return rig

    rig = simulate(main)
    assert (rig.seen.outcomes, rig.seen.given_up) == (["unavailable"], [GivenUp.BREAKER])


@pytest.mark.parametrize("first", [SURE, UNSURE])
def test_a_breaker_that_opens_during_the_wait_leaves_the_first_error(first: Step) -> None:
    """What the provider said is more telling than that it was not asked again."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, first, policy=AttemptPolicy(first_wait=0.2), chance=lambda: 1.0)
        call = asyncio.ensure_future(rig.ended(REMEMBER))
        await asyncio.sleep(0.1)
        rig.open_breaker()
        assert await call is first.error
        return rig

    assert simulate(main).seen.outcomes == ["unavailable", "breaker_open"]


def test_retries_stay_within_the_budget() -> None:
    """Of thirty calls that fail once, three are tried again; the others give up."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, DOWN)
        rig.breaker.force_closed("this is about the budget")
        for _ in range(29):
            await rig.ended()
        return rig

    rig = simulate(main)
    assert len(rig.backend.asked_at) == 29 + 3
    assert rig.seen.given_up == [GivenUp.TRIES] * 3 + [GivenUp.BUDGET] * 26


def test_retries_are_no_requests() -> None:
    """A retry earns no share for further ones: 39 requests of which three were tried again leave nothing."""

    async def main(clock: FakeClock) -> int:
        rig = Rig(clock, OK)
        rig.backend.script = [DOWN, OK] * 3 + [OK]
        for _ in range(39):
            assert await rig.run() == "done"
        return rig.budget.left()

    assert simulate(main) == 0


def test_nobody_waits_for_a_place_at_a_provider_that_is_left_alone() -> None:
    """While the breaker refuses, a full bulkhead delays no refusal."""

    async def main(clock: FakeClock) -> None:
        rig = Rig(clock, places=1)
        rig.open_breaker()
        assert rig.bulkhead.enter_now()
        began = clock.now
        assert isinstance(await rig.ended(), BreakerOpen)
        assert clock.now == began

    simulate(main)


def test_a_full_bulkhead_refuses_within_the_limit_of_a_try() -> None:
    """Who finds no place within the limit of one try goes elsewhere, and the breaker hears nothing of it."""

    async def main(clock: FakeClock) -> Rig:
        policy = replace(LIMITED, recall=OperationPolicy(deadline=9, try_limit=6))
        rig = Rig(clock, Step(5.0), places=1, policy=policy)
        busy = asyncio.ensure_future(rig.run())
        await asyncio.sleep(0.1)
        began = clock.now
        error = await rig.ended(OperationClass.READ)
        assert isinstance(error, BulkheadFull)
        assert clock.now - began == pytest.approx(LIMITED.read.try_limit)
        await busy
        return rig

    rig = simulate(main)
    assert rig.seen.outcomes == ["bulkhead_full", "ok"]
    assert rig.breaker.snapshot().calls == 1
    assert rig.backend.most_at_once == 1


def test_nothing_is_sent_after_the_deadline() -> None:
    """A deadline that has passed is a refusal, not a call."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, OK)
        assert isinstance(await rig.ended(REMEMBER, seconds=0.0), NoTimeLeft)
        return rig

    rig = simulate(main)
    assert (rig.backend.asked_at, rig.breaker.snapshot().calls, rig.budget.left()) == ([], 0, 3)


def test_impatient_callers_do_not_open_the_breaker() -> None:
    """A try that the caller's deadline cut to less than half says nothing about the provider."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.15))
        for _ in range(50):
            assert isinstance(await rig.ended(seconds=0.09), CutShort)
        assert await rig.run() == "done"
        return rig

    rig = simulate(main)
    assert rig.changes == []
    assert rig.seen.outcomes == ["cut_short"] * 50 + ["ok"]


def test_what_comes_while_nobody_is_there_does_not_open_the_breaker() -> None:
    """A process that computes or is stopped finds answers and limits at once; that tells nothing about the provider."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, *[Step(0.01)] * 20, OK)
        asyncio.get_running_loop().call_later(0.005, clock.pass_by, 0.35)
        ends = await asyncio.gather(*(rig.ended(seconds=0.5) for _ in range(20)))
        assert ends == [None] * 20
        return rig

    assert simulate(main).seen.outcomes == ["ok"] * 20


def test_a_provider_that_hangs_is_not_excused_by_little_delays() -> None:
    """Nobody is always there in the very moment."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, HANGING)
        for _ in range(BreakerPolicy().in_a_row):
            asyncio.get_running_loop().call_later(0.15, clock.pass_by, 0.14)
            await rig.ended(seconds=0.2)
        return rig

    rig = simulate(main)
    assert [change.state for change in rig.changes] == [BreakerState.OPEN]


def test_a_provider_that_hangs_beyond_the_deadline_opens_the_breaker() -> None:
    """Where one try may take longer than the whole operation, the whole operation is a fair try."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, HANGING, policy=AttemptPolicy())
        for _ in range(5):
            assert type(await rig.ended()) is TimedOut
        assert isinstance(await rig.ended(), BreakerOpen)
        return rig

    assert simulate(main).changes[0].why == "recall: 5 failures in a row, the last was TimedOut"


def test_one_of_fifty_callers_reaches_a_provider_on_probation() -> None:
    """After the pause fifty calls at once make a single one at the provider, and the others are refused."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.1))
        rig.open_breaker()
        await asyncio.sleep(6.0)
        await asyncio.gather(*(rig.ended() for _ in range(50)))
        return rig

    rig = simulate(main)
    assert len(rig.backend.asked_at) == 1
    assert sorted(rig.seen.outcomes) == ["breaker_open"] * 49 + ["ok"]


def test_a_dead_provider_is_hardly_asked() -> None:
    """At four requests a second for an hour, a dead provider sees seventy calls at most."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.0, Unavailable("down")))
        end = clock.now + 3_600.0
        while clock.now < end:
            await rig.ended()
            if rig.breaker.refuses():
                rig.seen.attempts.clear()
            clock.now += 0.25
        return rig

    assert 50 <= len(simulate(main).backend.asked_at) <= 70
