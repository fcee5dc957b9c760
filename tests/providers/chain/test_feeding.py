"""The feed of a chain: home's own, and nobody else's."""

import pytest
from msgspec.structs import replace

from providers.errors import FeedLost, Unavailable
from providers.feed import FeedPage, FeedQuery
from providers.owners import Owner
from tests.providers.chain.scene import DOWN, USER, Scene, key, play

ALL = FeedQuery(owner=Owner(USER))


def told(page: FeedPage) -> list[str]:
    """The ids of the memories that a page is about."""
    return [change.state.id for change in page.changes]


def test_home_tells() -> None:
    """The position is home's."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
        page = await scene.chain.feed(ALL)
        behind = replace(ALL, after=page.position, provider=page.provider)

        assert (told(page), page.provider) == ([memory_id], "home")
        assert told(await scene.chain.feed(behind)) == []

    play(act)


def test_nobody_goes_on_in_the_place_of_home() -> None:
    """The feed waits for home; a standby numbers changes in its own way."""

    async def act(scene: Scene) -> None:
        await scene.chain.remember(USER, "tea", memory_id=key())
        scene.home.failures["*"] = DOWN

        with pytest.raises(Unavailable):
            await scene.chain.feed(ALL)

    play(act)


def test_what_home_has_missed_is_told_when_it_comes() -> None:
    """A write is accepted while home is down; the feed goes on behind what was told before."""

    async def act(scene: Scene) -> None:
        before = await scene.chain.remember(USER, "tea", memory_id=key())
        page = await scene.chain.feed(ALL)
        scene.home.failures["*"] = DOWN
        missed = await scene.chain.remember(USER, "more tea", memory_id=key())
        scene.home.failures.clear()
        behind = replace(ALL, after=page.position, provider=page.provider)
        pending = told(await scene.chain.feed(behind))
        await scene.deliver()

        assert (told(page), pending) == ([before], [])
        assert told(await scene.chain.feed(behind)) == [missed]

    play(act)


def test_a_position_of_another_provider_is_lost() -> None:
    """As after a switch of the order."""

    async def act(scene: Scene) -> None:
        page = await scene.chain.feed(ALL)

        with pytest.raises(FeedLost, match="standby"):
            await scene.chain.feed(replace(ALL, after=page.position, provider="standby"))

    play(act)
