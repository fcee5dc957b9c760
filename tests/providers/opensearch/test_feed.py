"""The feed of a user's memories in OpenSearch, by the positions of their changes."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from providers.feed import FeedPage, FeedPosition, FeedQuery
from providers.opensearch.heads import MOST_LOGGED
from providers.opensearch.provider import OpenSearchMemoryProvider
from providers.owners import Owner
from providers.replica import Replica
from providers.types import NewMemory
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer

ANNA = FeedQuery(owner=Owner("anna"))


@pytest.fixture
async def provider(opensearch_server: OpenSearchServer) -> AsyncIterator[Replica]:
    """A provider in an index of its own."""
    async with opensearch_server.settings().open(host_for()) as provider:
        yield provider


def told(page: FeedPage) -> list[str]:
    """The ids of the memories that a page is about."""
    return [change.state.id for change in page.changes]


@pytest.mark.thorough
async def test_a_feed_goes_on_behind_what_the_head_still_names(provider: Replica) -> None:
    """All changes are told in their order, whether the head names them or they are searched for."""
    memories = [NewMemory(owner=ANNA.owner, content=f"tea {number}") for number in range(3)]
    [first, *_] = await provider.remember_many(memories)
    ids = [await provider.remember("anna", f"cup {number}") for number in range(MOST_LOGGED + 10)]
    assert isinstance(first, str)
    await provider.update("anna", first, content="chai")
    found, page = list[str](), await provider.feed(replace(ANNA, limit=7))
    found += told(page)
    while page.more:
        page = await provider.feed(replace(ANNA, limit=7, after=page.position))
        found += told(page)

    assert len(found) == len(set(found)) == MOST_LOGGED + 13
    assert found[2:-1] == ids
    assert found[-1] == first
    assert told(await provider.feed(replace(ANNA, after=page.position))) == []


@pytest.mark.thorough
async def test_a_feed_misses_nothing_of_several_processes(opensearch_server: OpenSearchServer) -> None:
    """Whoever follows it while two of them write has every memory in its latest state at the end."""
    settings = opensearch_server.settings()
    states: dict[str, str | None] = {}
    ended = asyncio.Event()

    async def write(provider: Replica, name: str) -> None:
        for number in range(60):
            memory_id = await provider.remember("anna", f"{name} {number}")
            if number % 3 == 0:
                await provider.update("anna", memory_id, content=f"{name} {number} anew")
            if number % 5 == 0:
                await provider.delete("anna", memory_id)

    async def follow(provider: Replica) -> None:
        after: FeedPosition | None = None
        while True:
            last = ended.is_set()
            page = await provider.feed(replace(ANNA, after=after, limit=50))
            after = page.position
            states.update((change.state.id, change.state.content) for change in page.changes)
            if last and not page.more:
                return

    async with settings.open(host_for()) as one, settings.open(host_for()) as other:
        following = asyncio.create_task(follow(one))
        await asyncio.gather(write(one, "one"), write(other, "other"), write(other, "more"))
        ended.set()
        await following
        held = {state.id: state.content for state in await one.snapshots(ANNA.owner)}

    assert len(held) == 180
    assert states == held


async def test_a_state_stands_where_its_head_names_it(opensearch_server: OpenSearchServer) -> None:
    """Also where somebody else's head was in the way: whoever is far behind finds it by a search."""
    settings = opensearch_server.settings()
    async with settings.open(host_for()) as one, settings.open(host_for()) as other:
        assert isinstance(one, OpenSearchMemoryProvider)
        for number in range(3):
            await one.remember("anna", f"tea {number}")
            await other.remember("anna", f"cup {number}")
        held = await one.parts.shelf.head(ANNA.owner)
    query = {"query": {"exists": {"field": "changed"}}, "size": 100}
    hits = opensearch_server.ask("POST", f"/{settings.index}/_search", query)["hits"]["hits"]

    assert held is not None
    assert len(hits) == 6
    assert {hit["_source"]["id"]: hit["_source"]["changed"] for hit in hits} == {
        entry.memory_id: entry.position for entry in held.head.log
    }
