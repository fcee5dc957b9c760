"""What a client asks about whose memories, and about what they come from."""

import pytest

import ninaivalaigal as package
from ninaivalaigal import AsyncClient
from tests.support.api import fresh_user

TEA = "I drink green tea"


async def test_several_owners_are_asked_at_once(client: AsyncClient, user: str) -> None:
    """Alone and in a batch, where each query has its own; each memory names its owner."""
    other = fresh_user()
    await client.remember(TEA)
    await client.remember("We drink black tea", user=other)

    found = await client.recall("tea", owners=[user, other])
    answers = (await client.recall_batch([{"query": "tea", "owners": (other,)}, {"query": "tea"}])).results

    assert {memory.user_id for memory in found.memories} == {user, other}
    assert [[memory.user_id for memory in answer.memories or ()] for answer in answers] == [[other], [user]]
    with pytest.raises(package.InvalidRequest, match="owners"):
        await client.recall("tea", owners=[f"user {n}" for n in range(9)])


async def test_a_memory_tells_what_it_comes_from(client: AsyncClient) -> None:
    """As its writers say; lists, recalls and deletions choose by it."""
    told = await client.remember(TEA, origin="document")
    await client.remember_batch([{"content": "The dog barks", "origin": "tool"}, {"content": "The cat sleeps"}])
    await client.put_by_key("k", "An old tea", origin="document")
    changed = await client.update(told.memory_id, metadata={"n": 1}, origin="assistant")

    listed = await client.list_memories(origin="tool")
    found = await client.recall("tea", origin="document", source_caller="anonymous")
    queried = [memory.content async for memory in client.memories(origin="user", source_caller="anonymous")]

    assert changed.source is not None
    assert (changed.source.origin, changed.source.caller, changed.source.key) == ("assistant", "anonymous", None)
    assert changed.source.at is not None
    assert [memory.content for memory in listed.memories] == ["The dog barks"]
    assert [memory.key for memory in found.memories] == ["k"]
    assert queried == ["The cat sleeps"]
    assert (await client.count_matching(source_key="none")).matching == 0
    assert (await client.delete_matching(origin="tool")).deleted == 1


async def test_an_answer_is_ordered_and_explained_as_asked(client: AsyncClient) -> None:
    """With what was looked at; without being asked for it, nothing is said."""
    await client.remember(TEA)

    found = await client.recall("green tea", prefer="recent", half_life_days=3.0, diversity=0.5, explain=True)
    silent = await client.recall("green tea")

    [memory] = found.memories
    assert memory.explanation is not None
    assert (memory.explanation.rank, [one.word for one in memory.explanation.matched]) == (1, ["green", "tea"])
    assert found.considered is not None
    assert found.considered.memories == 1
    assert (silent.memories[0].explanation, silent.considered) == (None, None)


async def test_what_is_there_already_is_not_stored_again(client: AsyncClient) -> None:
    """The one that is so much like it is answered."""
    first = await client.remember(TEA)

    again = await client.remember(TEA, unless_similar=0.9)

    assert (again.status, again.memory_id, again.similarity_score) == ("exists", first.memory_id, 1.0)
    assert (first.status, first.similarity_score) == ("stored", None)
