"""How the time of a read is shared among those who are asked one after the other, and what a refusal says of it."""

import asyncio

import pytest

from providers.chain.errors import BreakerOpen, CutShort
from providers.errors import ASK_AGAIN, MemoryNotFound, TimedOut, Unavailable
from providers.expectations import LEAST_TRY, MOST_TRY
from tests.providers.chain.scene import DOWN, FOREVER, USER, Scene, failure_of, key, play


@pytest.mark.parametrize("patience", [0.5, 2.0, 10.0])
def test_a_standby_has_the_time_that_it_needs(patience: float) -> None:
    """Whatever home has taken of the time, it is half of all at the most."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        scene.home.seconds = FOREVER
        scene.standby.seconds = 0.2
        told = scene.listen()
        told.patience = patience

        [record] = await scene.chain.list_memories(USER)
        assert (record.content, told.provider) == ("tea", "standby")

    play(act)


def test_two_healthy_providers_refuse_no_more_than_one() -> None:
    """A home that is slow, but not too slow for its caller, answers although a standby follows."""

    async def act(scene: Scene) -> None:
        scene.home.seconds = scene.standby.seconds = 0.9 * LEAST_TRY
        answers = await asyncio.gather(*(scene.chain.list_memories(USER) for _ in range(10)))

        assert answers == [[]] * 10
        assert scene.told.provider == "home"

    play(act)


def test_of_three_the_last_has_its_time_too() -> None:
    """Two that hang leave the third what it needs."""

    async def act(scene: Scene) -> None:
        home, second, third = scene.providers.values()
        home.seconds = second.seconds = FOREVER
        third.seconds = 0.9
        told, began = scene.listen(), scene.clock()

        assert await scene.chain.list_memories(USER) == []
        assert told.provider == "third"
        assert scene.clock() - began <= 2 * MOST_TRY + 1.0

    play(act, "home", "second", "third")


def test_a_refusal_says_when_the_first_of_them_may_answer() -> None:
    """Home is left alone for a minute; but it is asked as a last resort, and the standby in some seconds."""

    async def act(scene: Scene) -> None:
        breaker = scene.links["home"].attempts.guards.breaker
        scene.open_breakers()
        for _ in range(6):  # every pause is twice as long as the one before
            await asyncio.sleep(61)
            scene.home.failures["*"] = DOWN
            scene.standby.failures["*"] = DOWN
            await failure_of(scene.chain.list_memories(USER))
        assert (breaker.snapshot().seconds_to_probe or 0.0) > 30
        scene.links["standby"].attempts.guards.breaker.force_closed("a test")
        scene.standby.failures["*"] = Unavailable("busy", retry_after=3.0)

        error = await failure_of(scene.chain.list_memories(USER))
        assert isinstance(error, Unavailable)
        assert error.retry_after == ASK_AGAIN

    play(act)


def test_a_refusal_of_all_breakers_says_when_to_come_again() -> None:
    """Not after the longest pause: the last resort is open to whoever asks."""

    async def act(scene: Scene) -> None:
        scene.open_breakers()
        scene.home.seconds = scene.standby.seconds = FOREVER
        errors = await asyncio.gather(*(failure_of(scene.chain.list_memories(USER)) for _ in range(8)))

        assert {type(error) for error in errors} <= {BreakerOpen, TimedOut, CutShort}
        assert {getattr(error, "retry_after", None) or ASK_AGAIN for error in errors} == {ASK_AGAIN}

    play(act)


def test_a_slow_journal_is_waited_for_where_nothing_is_found() -> None:
    """Nothing found is no answer without the journal: it has the rest of the time to say something."""

    async def act(scene: Scene) -> None:
        scene.runner.seconds_before = 2.0
        listed, recalled = await scene.chain.list_memories(USER), await scene.chain.recall(USER, "tea")
        told = scene.listen()
        error = await failure_of(scene.chain.get(USER, key()))

        assert listed == recalled == []
        assert isinstance(error, MemoryNotFound)
        assert (told.eventual, told.degraded) == (False, [])

    play(act)
