"""Writes and patience: a slow home is waited for within patience, and gets the write once all the same."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from providers.answers import Stored
from providers.chain.confirming import HOME_SLOW
from providers.chain.hedging.patience import LEAST_ANSWERS
from providers.chain.policy import HedgingPolicy, OperationClass
from providers.chain.waiting.home_try import LEAST_PATIENCE_FOR_WRITES, patience_with
from providers.errors import Conflict
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory, Snapshot
from tests.providers.chain.scene import DOWN, FOREVER, USER, Scene, failure_of, key, play
from tests.support.clock import FakeClock

SLOW = 3.0  # seconds that home takes


async def _seconds(scene: Scene, text: str = "tea") -> float:
    """Store a memory, and return the seconds until the answer."""
    started = scene.clock()
    await scene.chain.remember(USER, text)
    return scene.clock() - started


@pytest.mark.thorough
def test_a_healthy_home_is_told_apart_from_a_slow_one() -> None:
    """Of some thousand writes to a home that answers as always, with a long tail, at most one in a thousand is 202."""

    async def act(scene: Scene) -> None:
        chance = Random(16)  # noqa: S311 - seeded, so that every run is the same
        accepted = 0
        for number in range(_WRITES):
            scene.home.seconds = min(0.005 * chance.paretovariate(1.5), 1.5)
            told = scene.listen()
            await scene.chain.remember(USER, "tea")
            accepted += told.accepted
            if number % 100 == 0:
                await scene.forget()
                scene.home.restore([])

        assert accepted <= _WRITES / 1_000

    play(act, "home")


_WRITES = 2_000


def test_a_home_that_is_always_slow_is_waited_for() -> None:
    """What takes long in good times, too, is no fault: nobody is told 202 for it."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = 2.5
        accepted = []
        for _ in range(3 * LEAST_ANSWERS):
            told = scene.listen()
            await scene.chain.remember(USER, "tea")
            accepted.append(told.accepted)

        assert accepted[2 * LEAST_ANSWERS :] == [False] * LEAST_ANSWERS

    play(act, "home")


def test_patience_grows_with_a_batch() -> None:
    """A thousand memories take longer than one, also where all is well."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = 2.5
        told = scene.listen()
        await scene.remember(*("tea" for _ in range(500)))

        link = scene.links["home"]
        assert not told.accepted
        assert patience_with(link, OperationClass.REMEMBER, 1) == LEAST_PATIENCE_FOR_WRITES
        assert patience_with(link, OperationClass.REMEMBER, 500) > HedgingPolicy().most_patience

    play(act)


def test_the_items_of_a_batch_have_an_answer_each() -> None:
    """What home has confirmed long ago is stored, although a new memory beside it is only accepted."""

    async def act(scene: Scene) -> None:
        known = NewMemory(owner=Owner(USER), content="tea", memory_id=key())
        new = NewMemory(owner=Owner(USER), content="coffee", memory_id=key())
        clash = NewMemory(owner=Owner(USER), content="cocoa", memory_id=known.memory_id)
        await scene.chain.store_many([known])
        await asyncio.sleep(0.1)
        scene.home.instead["store_many"] = _hanging

        first, second, third = await scene.chained.store_many([known, new, clash])

        assert isinstance(first, Stored)
        assert isinstance(second, Stored)
        assert (first.confirmed, first.provider, first.degraded) == (True, "home", ())
        assert (second.confirmed, second.provider, second.degraded) == (False, "journal", (HOME_SLOW,))
        assert isinstance(third, Conflict)

    play(act)


async def _hanging(*_: object) -> None:
    await asyncio.sleep(FOREVER)


def test_the_caller_may_wait_longer() -> None:
    """Until home has answered; and no longer than it said."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = SLOW
        scene.told.wait = 10.0
        waited = await _seconds(scene)
        stored = not scene.told.accepted
        scene.listen().wait = 2.0
        waited_less = await _seconds(scene)

        assert (stored, scene.told.accepted) == (True, True)
        assert [waited, waited_less] == pytest.approx([SLOW, 2.0])

    play(act)


def test_who_waits_longer_takes_no_room_from_others() -> None:
    """Beyond the patience with home, in which nearly every write is answered, it is a wait and no work."""

    async def act(scene: Scene) -> None:
        moments: list[float] = []

        @contextmanager
        def parked() -> Iterator[None]:
            moments.append(scene.clock())
            yield
            moments.append(scene.clock())

        scene.told.wait, scene.told.parked = 10.0, parked
        started = scene.clock()
        await scene.chain.remember(USER, "tea")
        quick = list(moments)
        scene.home.seconds = SLOW
        started = scene.clock()
        await scene.chain.remember(USER, "tea")

        assert quick == []
        assert [moment - started for moment in moments] == pytest.approx([LEAST_PATIENCE_FOR_WRITES, SLOW])

    play(act)


def test_the_caller_may_wait_longer_than_the_usual_deadline() -> None:
    """Without a deadline of its own; with one it is answered by then."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = 14.0
        scene.told.wait = 20.0
        waited = await _seconds(scene)
        told = scene.listen()
        told.wait, told.patience = 20.0, 5.0
        waited_less = await _seconds(scene)

        assert waited == pytest.approx(14.0)
        assert waited_less == pytest.approx(5.0)

    play(act)


def test_all_callers_wait_where_the_settings_say_so() -> None:
    """To the deadline, as clients need that take nothing but 200 for a success."""

    async def act(scene: Scene) -> None:
        chained = scene.chained
        chained.home.waits = True
        scene.home.seconds = 8.0

        stored = await chained.store(NewMemory(owner=Owner(USER), content="tea"))

        assert stored.confirmed
        scene.home.seconds = FOREVER
        started = scene.clock()
        accepted = await chained.store(NewMemory(owner=Owner(USER), content="coffee"))
        await chained.tries.stop()
        assert not accepted.confirmed
        assert scene.clock() - started == pytest.approx(10.0)

    play(act)


def test_a_look_is_not_cut_by_patience() -> None:
    """A keyed write first finds out whether it was made before, however long that takes."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        await scene.home.remember(USER, "tea", memory_id=memory_id)
        scene.home.instead["snapshot"] = _slow_snapshot

        error = await failure_of(scene.chain.remember(USER, "coffee", memory_id=memory_id))

        assert isinstance(error, Conflict)

    play(act, "home")


async def _slow_snapshot(provider: MockMemoryProvider, owner: Owner, memory_id: str) -> Snapshot | None:
    await asyncio.sleep(SLOW)
    return await MockMemoryProvider.snapshot(provider, owner, memory_id)


def test_the_lag_of_this_process_is_no_slowness_of_home() -> None:
    """A process that stood still has learned at one moment that its patience is over and that home has answered."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = 0.9
        writing = asyncio.ensure_future(scene.chain.remember(USER, "tea"))
        await asyncio.sleep(0.3)
        _stand_still(scene.clock, 2.0)
        await writing

        assert not scene.told.accepted

    play(act)


def _stand_still(clock: FakeClock, seconds: float) -> None:
    clock.pass_by(seconds)


def test_a_home_that_is_down_is_not_waited_for() -> None:
    """What failed at once is no slow answer."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = DOWN

        assert await _seconds(scene) < 0.5
        assert scene.told.degraded == ["home_unavailable"]
        assert scene.chained.tries.count("home") == 0

    play(act)
