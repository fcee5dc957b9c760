"""Recall over Redis, in this process: what is pending, why an answer has its place, and an index without room."""

from msgspec.structs import replace

from providers.keyed.recall import Recall
from providers.owners import Owner
from providers.redis.provider import RedisMemoryProvider
from providers.search.answer_options import AnswerOptions
from providers.search.recall_index.index import RecallIndex
from providers.types import RecallQuery
from tests.support.native import host_for
from tests.support.redis import RedisServer
from tests.support.states import live

TEA = RecallQuery(owner=Owner("anna"), query="masala tea")


async def test_what_is_pending_is_ranked_with_what_is_stored(redis_server: RedisServer) -> None:
    """In the place of what it replaces, and under the conditions of the question."""
    async with redis_server.settings().open(host_for()) as provider:
        former = await provider.remember("anna", "masala tea with milk")
        kept = await provider.remember("anna", "green tea")
        newer, new = live("anna", "coffee", id=former), live("anna", "masala tea", session="morning")
        query = replace(TEA, pending=(newer, new), without=frozenset({former}))
        found = await provider.find(query)
        morning = await provider.find(replace(query, session="morning"))
        after = await provider.find(TEA)

    assert [record.id for record in found.memories][:2] == [new.id, kept]
    assert former not in {record.id for record in found.memories if record.content != "coffee"}
    assert found.pending == frozenset({former, new.id})
    assert [record.id for record in morning.memories] == [new.id]
    assert {record.id for record in after.memories} == {former, kept}


async def test_an_answer_is_explained_if_it_is_asked_for(redis_server: RedisServer) -> None:
    """And otherwise says nothing of it."""
    async with redis_server.settings().open(host_for()) as provider:
        await provider.remember("anna", "masala tea")
        explained = await provider.find(replace(TEA, options=AnswerOptions(explain=True)))
        plain = await provider.find(TEA)

    assert explained.considered is not None
    assert [hit.explanation is not None for hit in explained.memories] == [True]
    assert plain.considered is None
    assert [hit.explanation for hit in plain.memories] == [None]


async def test_an_index_without_room_leaves_nothing_out(redis_server: RedisServer) -> None:
    """All memories are read for each question then, and the answer is no less than it was."""
    async with redis_server.settings().open(host_for()) as provider:
        assert isinstance(provider, RedisMemoryProvider)
        parts = provider.parts
        await provider.remember("anna", "masala tea")
        await provider.remember("anna", "green tea")
        kept = await provider.find(TEA)
        recall = Recall(parts.reader, parts.shelf, RecallIndex(parts.changes, most_bytes=1))
        roomless = [await recall.find(TEA) for _ in range(2)]

    assert len(kept.memories) == 2
    assert roomless == [kept, kept]
