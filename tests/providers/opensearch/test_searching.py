"""Reads of an index whose searches lag behind its writes, and recalls of what one process cannot rank alone."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.answers import PARTIAL
from providers.changes import ChangeCursor
from providers.keyed.recall import Recall
from providers.opensearch.documents import document_of, head_id, route_of, state_id
from providers.opensearch.heads import encode_head
from providers.opensearch.index import ABSENT, Write
from providers.opensearch.provider import OpenSearchMemoryProvider
from providers.owners import Owner
from providers.search.answer_options import AnswerOptions
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery
from tests.support.lagging_opensearch import LaggingOpenSearch
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer, running_opensearch
from tests.support.states import live

ANN = Owner("ann")
TEA = RecallQuery(owner=ANN, query="masala tea")


@pytest.fixture(scope="module")
async def lagging(opensearch_server: OpenSearchServer) -> AsyncIterator[LaggingOpenSearch]:
    """A server whose searches show what was there at the last refresh."""
    with running_opensearch() as shown:
        async with LaggingOpenSearch(opensearch_server.url, shown.url) as proxy:
            yield proxy


@pytest.mark.thorough
async def test_what_is_acknowledged_is_found_before_the_next_refresh(
    opensearch_server: OpenSearchServer, lagging: LaggingOpenSearch
) -> None:
    """By lists, counts, owners and recalls, in the process that wrote it and in another one."""
    settings = replace(opensearch_server.settings(), url=Secret(lagging.base_url))
    async with settings.open(host_for()) as writer, settings.open(host_for()) as reader:
        for number in range(3):
            memory_id = await writer.remember("ann", f"masala tea {number}")
            for provider in (reader, writer):
                assert memory_id in {memory.id for memory in await provider.list_memories("ann")}
                assert memory_id in {hit.id for hit in await provider.recall("ann", "masala tea")}
                assert (await provider.get("ann", memory_id)).id == memory_id
        [gone, *_] = await reader.recall("ann", "masala tea")
        await writer.delete("ann", gone.id)
        for provider in (reader, writer):
            assert gone.id not in {hit.id for hit in await provider.recall("ann", "masala tea")}
            assert len(await provider.list_memories("ann")) == 2
            assert [owner.user for owner in await provider.owners()] == ["ann"]


async def test_recalls_of_what_is_ranked_here_need_no_refresh(
    opensearch_server: OpenSearchServer, lagging: LaggingOpenSearch
) -> None:
    """Only the first one does: what changed since is read by its ids."""
    settings = replace(opensearch_server.settings(), url=Secret(lagging.base_url))
    async with settings.open(host_for()) as provider:
        await provider.recall("ann", "tea")
        await provider.remember("ann", "green tea")
        await provider.recall("ann", "tea")
        before = lagging.refreshes
        for number in range(5):
            memory_id = await provider.remember("ann", f"masala tea {number}")
            assert memory_id in {hit.id for hit in await provider.recall("ann", "masala tea")}
    assert lagging.refreshes == before


async def test_a_store_that_may_be_stale_says_so_and_refreshes_nothing(
    opensearch_server: OpenSearchServer, lagging: LaggingOpenSearch
) -> None:
    """Its lists lag; a journal shows meanwhile what was written. Reads by ids and recalls do not lag."""
    settings = replace(opensearch_server.settings(staleness_seconds=2.0), url=Secret(lagging.base_url))
    async with settings.open(host_for()) as provider:
        memory_id = await provider.remember("ann", "masala tea")
        before = lagging.refreshes
        assert await provider.list_memories("ann") == []
        assert lagging.refreshes == before
        assert provider.staleness == 2.0
        assert (await provider.get("ann", memory_id)).content == "masala tea"
        assert [hit.id for hit in await provider.recall("ann", "masala tea")] == [memory_id]


async def test_what_a_copy_does_not_have_yet_is_told_again(opensearch_server: OpenSearchServer) -> None:
    """A head that names a state is no promise that this copy has the state: the position stays before it."""
    async with opensearch_server.settings().open(host_for()) as provider:
        assert isinstance(provider, OpenSearchMemoryProvider)
        await provider.remember("ann", "green tea")
        first = await provider.changes_since(ANN, None)
        assert first is not None
        late = live("ann", "masala tea")
        shelf = provider.parts.shelf
        held = await shelf.head(ANN)
        assert held is not None
        head = held.head.after([(late.id, -1)])
        document = {"owner": "ann", "head": True, "state": encode_head(head).decode()}
        await shelf.index.put([Write(head_id(ANN), held.number, document)], route_of(ANN))
        before = await provider.changes_since(ANN, first.cursor)
        again = await provider.changes_since(ANN, before.cursor if before else None)
        await shelf.index.put([Write(state_id(ANN, late.id), ABSENT, document_of(late, head.position))], route_of(ANN))
        after = await provider.changes_since(ANN, again.cursor if again else None)

    assert before is not None
    assert again is not None
    assert after is not None
    assert before.cursor == again.cursor == ChangeCursor(head.name, held.head.position)
    assert [entry.content for entry in after.memories] == ["masala tea"]
    assert after.cursor == ChangeCursor(head.name, head.position)


async def test_of_too_many_memories_those_that_match_are_ranked(opensearch_server: OpenSearchServer) -> None:
    """The server finds them by the same terms as the ranking, and the answer says that it is partial."""
    async with opensearch_server.settings().open(host_for()) as provider:
        assert isinstance(provider, OpenSearchMemoryProvider)
        wanted = await provider.remember("ann", "We were drinking masala teas")
        for number in range(4):
            await provider.remember("ann", f"green coffee {number}")
        provider.parts.changes.most = provider.parts.recall.most = 3
        found = await provider.find(replace(TEA, query="who drinks tea?"))

    assert found.degraded == (PARTIAL,)
    assert [hit.id for hit in found.memories] == [wanted]


async def test_an_index_without_room_leaves_nothing_out(opensearch_server: OpenSearchServer) -> None:
    """All memories are read for each question then, and the answer is no less than it was."""
    async with opensearch_server.settings().open(host_for()) as provider:
        assert isinstance(provider, OpenSearchMemoryProvider)
        parts = provider.parts
        await provider.remember("ann", "masala tea")
        await provider.remember("ann", "green tea")
        kept = await provider.find(TEA)
        recall = Recall(parts.reader, parts.shelf, RecallIndex(parts.changes, most_bytes=1))
        roomless = [await recall.find(TEA) for _ in range(2)]

    assert len(kept.memories) == 2
    assert roomless == [kept, kept]


async def test_what_is_pending_is_ranked_with_what_is_stored(opensearch_server: OpenSearchServer) -> None:
    """In the place of what it replaces, and explained if that is asked for."""
    async with opensearch_server.settings().open(host_for()) as provider:
        former = await provider.remember("ann", "masala tea with milk")
        newer, new = live("ann", "coffee", id=former), live("ann", "masala tea")
        options = AnswerOptions(explain=True)
        query = replace(TEA, pending=(newer, new), without=frozenset({former}), options=options)
        found = await provider.find(query)

    assert [record.id for record in found.memories][:1] == [new.id]
    assert found.pending == frozenset({former, new.id})
    assert found.memories[0].explanation is not None


@pytest.mark.thorough
async def test_long_lists_are_whole(opensearch_server: OpenSearchServer) -> None:
    """Over several pages of the server, in both orders, those of one moment included."""
    async with opensearch_server.settings().open(host_for()) as provider:
        states = [live("ann", f"tea {number}") for number in range(1_000)]
        for begin in range(0, 1_000, 500):
            assert await provider.put_many(states[begin : begin + 500]) == [None] * 500
        more = [await provider.remember("ann", f"cup {number}") for number in range(60)]
        listed = [state.id async for state in provider.parts.reader.live(ANN)]  # type: ignore[attr-defined] # of this kind
        newest = [state.id async for state in provider.parts.reader.live(ANN, order="newest")]  # type: ignore[attr-defined] # as above

    assert sorted(listed) == sorted([*(state.id for state in states), *more])
    assert newest == listed[::-1]
