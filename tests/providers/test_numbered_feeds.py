"""The feed of a user's memories in stores of states, by the numbers that they give to changes."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from providers.errors import FeedLost
from providers.feed import FeedPage, FeedPosition, FeedQuery
from providers.owners import Owner
from providers.replica import Replica
from providers.types import NewMemory
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer
from tests.support.redis import RedisServer

ANNA = FeedQuery(owner=Owner("anna"))


@pytest.fixture(params=["redis_server", "opensearch_server"], ids=["redis", "opensearch"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Replica]:
    """A provider in a place of its own."""
    server: RedisServer | OpenSearchServer = request.getfixturevalue(request.param)
    async with server.settings().open(host_for()) as provider:
        yield provider


def told(page: FeedPage) -> list[str]:
    """The ids of the memories that a page is about."""
    return [change.state.id for change in page.changes]


async def test_changes_come_in_their_order_each_memory_once(provider: Replica) -> None:
    """Page by page, the latest state of each; then only what is new, deletions included."""
    tea, milk, water = [await provider.remember("anna", text) for text in ("tea", "milk", "water")]
    await provider.update("anna", tea, content="chai")
    first = await provider.feed(replace(ANNA, limit=2))
    rest = await provider.feed(replace(ANNA, limit=2, after=first.position))
    await provider.delete("anna", milk)
    last = await provider.feed(replace(ANNA, after=rest.position))

    assert (told(first), first.more) == ([milk, water], True)
    assert ([change.state.content for change in rest.changes], rest.more) == (["chai"], False)
    assert [(change.state.id, change.state.deleted) for change in last.changes] == [(milk, True)]
    assert told(await provider.feed(replace(ANNA, after=last.position))) == []


async def test_a_feed_from_now_on_goes_on_with_the_first_memory(provider: Replica) -> None:
    """Also of a user of whom nothing was there, and of nobody else."""
    began = await provider.feed(replace(ANNA, now=True))
    tea = await provider.remember("anna", "tea")
    await provider.store_many([NewMemory(owner=Owner("anna", "acme"), content="coffee")])
    now = await provider.feed(replace(ANNA, now=True))

    assert told(began) == told(now) == []
    assert told(await provider.feed(replace(ANNA, after=began.position))) == [tea]


@pytest.mark.parametrize("ahead", [0, 2**40])
async def test_another_history_is_lost(provider: Replica, ahead: int) -> None:
    """Another epoch, and a position of this one that the store has not reached."""
    await provider.remember("anna", "tea")
    here = (await provider.feed(ANNA)).position
    position = FeedPosition(here.epoch if ahead else "another", here.number + ahead)

    with pytest.raises(FeedLost):
        await provider.feed(replace(ANNA, after=position))
