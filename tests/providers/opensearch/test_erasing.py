"""Erasing a user from an index: what another process sees of it, what is written meanwhile, and what a crash leaves."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.erasure.fences import Fence, hash_of, new_key
from providers.errors import FeedLost, OwnerErased
from providers.feed import FeedQuery
from providers.keyed.shelf import Replacement
from providers.opensearch.documents import route_of, state_id
from providers.opensearch.erasing import OpenSearchErasing
from providers.opensearch.index import Index, Write
from providers.opensearch.provider import OpenSearchMemoryProvider
from providers.opensearch.settings import OpenSearchSettings
from providers.owners import Owner
from tests.support.lagging_opensearch import LaggingOpenSearch
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer, running_opensearch
from tests.support.states import live

ANN = Owner("ann")
EVERYTHING = 2**62  # a version above all


class CountedIndex(Index):
    """An index that counts the searches."""

    def __init__(self, index: Index) -> None:
        self.__dict__.update(index.__dict__)
        self.searches = 0

    async def search(self, body: Mapping[str, Any], route: str | None = None) -> list[dict[str, Any]]:
        """Count, and search."""
        self.searches += 1
        return await super().search(body, route)


@pytest.fixture
def settings(opensearch_server: OpenSearchServer) -> OpenSearchSettings:
    """Those of an index of its own."""
    return opensearch_server.settings()


@pytest.fixture
async def provider(settings: OpenSearchSettings) -> AsyncIterator[OpenSearchMemoryProvider]:
    """A provider in that index."""
    async with settings.open(host_for()) as provider:
        assert isinstance(provider, OpenSearchMemoryProvider)
        yield provider


def fence_of(owner: Owner, version: int) -> Fence:
    """A fence for an owner."""
    key = new_key()
    return Fence(key=key, hash=hash_of(key, owner.key), version=version, erased_at=1.0)


async def test_the_index_has_no_document_of_an_erased_user(
    opensearch_server: OpenSearchServer, settings: OpenSearchSettings, provider: OpenSearchMemoryProvider
) -> None:
    """Neither by the name nor by the hash that ids begin with; the memories were more than one request removes."""
    await provider.put_many([live("ann", f"tea {number}") for number in range(230)])
    await provider.remember("bea", "coffee")

    assert await provider.purge(ANN, EVERYTHING) == 230
    everything = opensearch_server.ask("POST", f"/{settings.index}/_search", {"size": 1000})["hits"]["hits"]
    assert {hit["_source"].get("owner") for hit in everything if "owner" in hit["_source"]} == {"bea"}
    assert not [hit for hit in everything if hit["_id"].startswith(route_of(ANN))]


async def test_another_process_finds_erased_memories_no_more(
    settings: OpenSearchSettings, provider: OpenSearchMemoryProvider
) -> None:
    """Its index of them is read anew, whether something is left of the user or nothing."""
    await provider.remember("ann", "masala tea")
    async with settings.open(host_for()) as other:
        assert len(await other.recall("ann", "masala tea")) == 1
        version = max(state.version for state in await provider.snapshots(ANN))
        later = await provider.remember("ann", "green tea")
        assert {hit.id for hit in await other.recall("ann", "tea")} > {later}

        assert await provider.purge(ANN, version) == 1
        assert [hit.id for hit in await other.recall("ann", "tea")] == [later]
        assert await provider.purge(ANN, EVERYTHING) == 1
        assert await other.recall("ann", "tea") == []
        again = await other.remember("ann", "white tea")
        assert [hit.id for hit in await provider.recall("ann", "tea")] == [again]


async def test_a_feed_of_what_was_erased_is_lost(provider: OpenSearchMemoryProvider) -> None:
    """It could not tell what went; an erasure that removes nothing leaves it as it is."""
    await provider.remember("ann", "masala tea")
    told = await provider.feed(FeedQuery(owner=ANN))
    assert await provider.purge(ANN, 1) == 0
    assert (await provider.feed(FeedQuery(owner=ANN, after=told.position))).changes == []

    await provider.purge(ANN, EVERYTHING)
    with pytest.raises(FeedLost):
        await provider.feed(FeedQuery(owner=ANN, after=told.position))


async def test_nobody_waits_for_a_memory_that_was_removed_while_it_was_written(
    provider: OpenSearchMemoryProvider,
) -> None:
    """Whoever has read it before the erasure writes nothing, and the head does not name it."""
    state = live("ann", "masala tea")
    await provider.put_many([state, live("ann", "green tea")])
    shelf = provider.parts.shelf
    found = await shelf.read(ANN, [state.id])
    head = await shelf.head(ANN)
    assert head is not None
    await shelf.index.put([Write(state_id(ANN, state.id), found[state.id].token, None)], route_of(ANN))

    after = replace(state, version=state.version + 1)
    assert await shelf.write(ANN, [Replacement(state.id, found[state.id], after)], found) == {state.id}
    left = await shelf.head(ANN)
    assert left is not None
    assert state.id not in {entry.memory_id for entry in left.head.log}
    assert left.head.name != head.head.name


async def test_what_a_crash_has_left_of_an_erasure_is_ended(provider: OpenSearchMemoryProvider) -> None:
    """The documents were removed, and the head still names them."""
    state, kept = live("ann", "masala tea"), live("ann", "green tea")
    await provider.put_many([state, kept])
    shelf = provider.parts.shelf
    head = await shelf.head(ANN)
    assert head is not None
    assert await shelf.put_head(ANN, head, replace(head.head, purging=(state.id, kept.id)))
    [held] = (await shelf.read(ANN, [state.id])).values()
    await shelf.index.put([Write(state_id(ANN, state.id), held.token, None)], route_of(ANN))

    assert await provider.purge(ANN, 1) == 0
    ended = await shelf.head(ANN)
    assert ended is not None
    assert ended.head.purging == ()
    assert [entry.memory_id for entry in ended.head.log] == [kept.id]
    changes = await provider.changes_since(ANN, None)
    assert changes is not None
    assert [entry.id for entry in changes.memories] == [kept.id]


async def test_what_a_copy_does_not_have_yet_is_not_removed(provider: OpenSearchMemoryProvider) -> None:
    """The head names a newer state than the one that was read: it is removed when it is there."""
    state = live("ann", "masala tea")
    await provider.put_many([state])
    shelf = provider.parts.shelf
    head = await shelf.head(ANN)
    assert head is not None
    [held] = (await shelf.read(ANN, [state.id])).values()
    assert await shelf.put_head(ANN, head, head.head.after([(state.id, held.token.sequence)]))

    assert await provider.purge(ANN, EVERYTHING) == 0
    assert await provider.snapshot(ANN, state.id) == state


async def test_an_erasure_misses_nothing_that_searches_do_not_show_yet(opensearch_server: OpenSearchServer) -> None:
    """Also where lists may be stale."""
    with running_opensearch() as shown:
        async with LaggingOpenSearch(opensearch_server.url, shown.url) as lagging:
            settings = opensearch_server.settings(staleness_seconds=2.0)
            async with replace(settings, url=Secret(lagging.base_url)).open(host_for()) as provider:
                memory_id = await provider.remember("ann", "masala tea")
                assert await provider.purge(ANN, EVERYTHING) == 1
                assert await provider.snapshot(ANN, memory_id) is None
                assert await provider.list_memories("ann") == []
                assert await provider.owners() == []


async def test_a_process_knows_a_new_fence_within_a_second(provider: OpenSearchMemoryProvider) -> None:
    """It asks for the whole list only when there is another one."""
    index, now = CountedIndex(provider.parts.shelf.index), [100.0]
    parts = provider.parts
    other = OpenSearchErasing(index, parts.shelf, parts.reader, parts.histories, lambda: now[0])
    assert not await other.listed()
    assert index.searches == 0

    await provider.put_fences([fence_of(ANN, 7)])
    assert not await other.listed()
    now[0] += 1.01
    assert (await other.listed()).version_of(ANN) == 7
    now[0] += 1.01
    assert (await other.listed()).version_of(ANN) == 7
    assert index.searches == 1


async def test_whoever_puts_a_fence_is_held_to_it_at_once(
    settings: OpenSearchSettings, provider: OpenSearchMemoryProvider
) -> None:
    """And whoever starts later."""
    late = live("ann", "masala tea")
    assert await provider.put_many([live("bea", "tea")]) == [None]
    await provider.put_fences([fence_of(ANN, late.version)])

    async with settings.open(host_for()) as other:
        for one in (provider, other):
            [refusal] = await one.put_many([late])
            assert isinstance(refusal, OwnerErased)


@pytest.mark.thorough
async def test_a_list_longer_than_a_page_is_read_whole(provider: OpenSearchMemoryProvider) -> None:
    """Page by page, by hash."""
    fences = [fence_of(Owner(f"user {number}"), 7) for number in range(1_050)]
    await provider.put_fences(fences[:1_000])
    await provider.put_fences(fences[1_000:])

    by_hash = sorted(fences, key=lambda fence: fence.hash)
    assert await provider.fences(20, after=by_hash[9].hash) == by_hash[10:30]
    assert await provider.parts.erasing.kept() == by_hash
