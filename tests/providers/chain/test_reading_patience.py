"""Whatever can be answered is answered: nobody is given up for the sake of somebody who cannot answer either."""

from providers.errors import Unreachable
from tests.providers.chain.rig import fail
from tests.providers.chain.scene import USER, Scene, play

SLOW = 2.0  # seconds, more than a try has where somebody else can be asked


def test_a_slow_home_is_waited_for_where_the_standby_is_left_alone() -> None:
    """A standby whose breaker is open is nobody who could be asked instead."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.forget()
        scene.standby.failures["*"] = Unreachable("gone")
        breaker = scene.links["standby"].attempts.guards.breaker
        while not breaker.refuses():
            fail(breaker)
        scene.home.seconds = SLOW
        assert [record.content for record in await scene.chain.list_memories(USER)] == ["tea"]

    play(act)


def test_a_slow_home_is_waited_for_where_the_standby_turns_out_to_be_gone() -> None:
    """Before its breaker knows: what was given up for its sake is asked again, with all that is left of the time."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.forget()
        scene.standby.failures["*"] = Unreachable("gone")
        scene.home.seconds = SLOW
        assert [record.content for record in await scene.chain.list_memories(USER)] == ["tea"]

    play(act)


def test_a_standby_is_a_last_resort_where_home_is_gone() -> None:
    """All breakers are open, but the standby is well again: it is asked as well, not home alone."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.forget()
        scene.home.failures["*"] = Unreachable("gone")
        scene.open_breakers()
        assert [record.content for record in await scene.chain.list_memories(USER)] == ["tea"]

    play(act)


def test_a_standby_is_a_last_resort_where_an_operator_has_closed_home() -> None:
    """What is forced open is asked by nobody; the other is the only one that is left."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.forget()
        scene.links["home"].attempts.guards.breaker.force_open("maintenance")
        breaker = scene.links["standby"].attempts.guards.breaker
        while not breaker.refuses():
            fail(breaker)
        assert [record.content for record in await scene.chain.list_memories(USER)] == ["tea"]

    play(act)


def test_a_home_that_is_left_alone_is_a_last_resort_where_the_standby_fails() -> None:
    """Home is well again, and nobody knows yet; the standby fails for the first time."""

    async def act(scene: Scene) -> None:
        await scene.remember("tea")
        await scene.forget()
        breaker = scene.links["home"].attempts.guards.breaker
        while not breaker.refuses():
            fail(breaker)
        scene.standby.failures["*"] = Unreachable("gone")
        assert [record.content for record in await scene.chain.list_memories(USER)] == ["tea"]

    play(act)
