"""Where nobody else can be asked, a provider whose breaker is open is asked by a few at a time."""

import asyncio

import pytest

from providers.chain.breaker_state import BreakerState
from providers.chain.errors import BreakerOpen
from providers.chain.last_resort import MAX_CALLS, REFUSED_SECONDS
from providers.errors import Unreachable
from tests.providers.chain.rig import HANGING, OK, Rig, Step
from tests.support.clock import FakeClock, simulate

REFUSED = Step(0.0, Unreachable("connection refused"))


async def crowd(rig: Rig, size: int, seconds: float = 10.0) -> list[object]:
    """Run so many last resorts at once, and return what comes of them."""
    return [*await asyncio.gather(*(rig.ended(seconds=seconds, last_resort=True) for _ in range(size)))]


def test_no_more_than_a_few_are_let_through_at_a_time() -> None:
    """The others wait for one of them up to their deadline, and are told when to come again."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, HANGING, policy=Rig.adaptive())
        rig.open_breaker()
        waiting = asyncio.ensure_future(crowd(rig, MAX_CALLS + 3, seconds=2.0))
        await asyncio.sleep(1.0)
        assert rig.backend.at_once == MAX_CALLS
        errors = await waiting
        refused = [error for error in errors if isinstance(error, BreakerOpen)]
        assert [error.retry_after for error in refused] == [REFUSED_SECONDS] * 3
        return rig

    assert simulate(main).is_at_rest()


def test_the_first_success_lets_everybody_in() -> None:
    """A slow provider answers all who wait; from the first answer on they are no last resorts any more."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(1.0), policy=Rig.adaptive())
        rig.open_breaker()
        assert await crowd(rig, 40) == [None] * 40
        assert rig.changes[-1].state is BreakerState.CLOSED
        return rig

    rig = simulate(main)
    assert len(rig.backend.asked_at) == 40
    assert max(rig.backend.asked_at) - min(rig.backend.asked_at) == pytest.approx(1.0)
    assert rig.is_at_rest()


def test_nobody_waits_where_a_connection_was_refused_a_moment_ago() -> None:
    """One call in a second finds out whether it still is."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, REFUSED, policy=Rig.adaptive())
        rig.open_breaker()
        for _ in range(50):
            began = clock.now
            await rig.ended(last_resort=True)
            assert clock.now == began
            clock.now += 0.1
        return rig

    assert len(simulate(main).backend.asked_at) == 5


def test_what_was_refused_while_others_waited_is_refused_to_them() -> None:
    """Whoever gets a place after that does not ask once more."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.5, Unreachable("connection refused")), policy=Rig.adaptive())
        rig.open_breaker()
        await crowd(rig, 20)
        return rig

    assert len(simulate(main).backend.asked_at) == MAX_CALLS


def test_an_operators_word_stands() -> None:
    """A breaker that is forced open lets nobody through."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, OK)
        rig.breaker.force_open("maintenance")
        assert isinstance(await rig.ended(last_resort=True), BreakerOpen)
        return rig

    assert simulate(main).backend.asked_at == []
