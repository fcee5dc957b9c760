"""Who is asked by a read, in which turn, and what is told if nobody answers."""

import asyncio

import pytest

from providers.chain.errors import BreakerOpen
from providers.chain.route import NobodyInSync, Route
from providers.errors import CursorLost, Misconfigured, Unavailable
from providers.journal.base import JournalUnavailable
from providers.owners import Owner
from providers.types import PageQuery
from tests.providers.chain.scene import DOWN, FOREVER, USER, Scene, failure_of, key, play


def test_nobody_complete_gives_no_answer() -> None:
    """Who has not received everything would call absent what is there."""

    async def act(scene: Scene) -> None:
        scene.chained.route = Route(scene.chained.route.links, frozenset())

        assert isinstance(await failure_of(scene.chain.get(USER, key())), NobodyInSync)

    play(act)


def test_who_is_complete_by_a_guess_answers_only_without_the_journal() -> None:
    """Then the answer is marked as one that may lack something; with the journal, a write is accepted by that alone."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea")
        await scene.forget()
        route = scene.chained.route
        scene.chained.route = Route(route.links, frozenset({"home"}), presumed=True)
        reads = (scene.chain.get(USER, memory_id), scene.chain.list_memories(USER), scene.chain.recall(USER, "tea"))
        assert [type(await failure_of(read)) for read in reads] == [NobodyInSync] * 3
        assert isinstance(await failure_of(scene.chain.update(USER, memory_id, content="milk")), NobodyInSync)

        await scene.chain.remember(USER, "coffee")
        assert (scene.told.accepted, scene.told.provider, scene.told.degraded) == (True, "journal", ["home_incomplete"])
        scene.lose_journal()
        told = scene.listen()
        assert (await scene.chain.get(USER, memory_id)).content == "tea"
        assert (told.eventual, told.provider) == (True, "home")

    play(act)


@pytest.mark.parametrize("home", [DOWN, Misconfigured("wrong key")])
def test_if_nobody_answers_homes_failure_is_told(home: Unavailable) -> None:
    """It is the one that an operator wants to know."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = home
        scene.standby.failures["*"] = Unavailable("also down")

        assert await failure_of(scene.chain.get(USER, key())) is home

    play(act)


def test_a_failure_tells_more_than_a_refusal() -> None:
    """Home was not even asked, so what the standby said is told."""

    async def act(scene: Scene) -> None:
        scene.links["home"].attempts.guards.breaker.force_open("a test")
        scene.standby.failures["*"] = DOWN

        assert await failure_of(scene.chain.get(USER, key())) is DOWN

    play(act)


def test_with_all_breakers_open_home_is_asked_once() -> None:
    """The notes call it a last resort."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        await scene.forget()
        scene.open_breakers()
        told, asked = scene.listen(), len(scene.home.calls)

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider, told.degraded) == ("tea", "home", ["last_resort"])
        assert len(scene.home.calls) - asked == 1

    play(act)


def test_a_last_resort_that_fails_is_asked_once() -> None:
    """There is no second try."""

    async def act(scene: Scene) -> None:
        scene.open_breakers()
        scene.home.failures["*"] = scene.standby.failures["*"] = DOWN

        assert await failure_of(scene.chain.get(USER, key())) is DOWN
        assert (len(scene.home.calls), len(scene.standby.calls)) == (1, 1)

    play(act)


def test_what_an_operator_has_closed_is_no_last_resort() -> None:
    """Nobody is asked against the operator's word."""

    async def act(scene: Scene) -> None:
        for link in scene.links.values():
            link.attempts.guards.breaker.force_open("a test")

        assert isinstance(await failure_of(scene.chain.get(USER, key())), BreakerOpen)
        assert scene.home.calls == []

    play(act)


def test_a_provider_alone_is_asked_by_a_few_while_its_breaker_is_open() -> None:
    """Of twenty calls at once four reach a provider that hangs, and the others wait for one of those."""

    async def act(scene: Scene) -> None:
        scene.open_breakers()
        scene.home.seconds = FOREVER
        calls = [asyncio.ensure_future(failure_of(scene.chain.get(USER, key()))) for _ in range(20)]
        await asyncio.sleep(5)
        assert len(scene.home.calls) == 4

        scene.home.seconds = 0.0
        await asyncio.gather(*calls)
        assert len(scene.home.calls) == 4

    play(act, "home")


def test_a_list_goes_on_with_the_provider_that_began_it() -> None:
    """Even if another one is home by now."""

    async def act(scene: Scene) -> None:
        for text in ("tea", "coffee"):
            await scene.chain.remember(USER, text)
            await asyncio.sleep(1)
        await scene.forget()
        [first] = await scene.chain.list_memories(USER, 1)

        page = await scene.chain.page(PageQuery(owner=Owner(USER), after=first.position, provider="standby"))

        assert ([record.content for record in page.memories], page.provider) == (["tea"], "standby")

    play(act)


def test_a_list_whose_provider_is_gone_must_be_begun_anew() -> None:
    """Another one's order may differ."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea")
        [first] = await scene.chain.list_memories(USER, 1)
        scene.home.failures["*"] = DOWN

        asked = scene.chain.page(PageQuery(owner=Owner(USER), after=first.position, provider="home"))
        error = await failure_of(asked)

        assert isinstance(error, CursorLost)

    play(act)


def test_a_list_without_the_journal_may_go_on_later() -> None:
    """An empty page is not known to be the last, but the cursor is not lost."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea")
        [first] = await scene.chain.list_memories(USER, 1)
        scene.lose_journal()

        asked = scene.chain.page(PageQuery(owner=Owner(USER), after=first.position, provider="home"))
        error = await failure_of(asked)

        assert isinstance(error, JournalUnavailable)

    play(act)
