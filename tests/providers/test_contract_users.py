"""What every provider promises of users: nobody sees or touches what belongs to another."""

from uuid import uuid4

import pytest

from providers.base import MemoryProvider
from providers.errors import MemoryNotFound
from providers.owners import Owner
from providers.types import NewMemory, RecallQuery

ODD_USERS = [
    "%",
    "_",
    "' OR '1'='1",
    "'; DROP TABLE ninai_memories; --",
    "back\\slash",
    '"quoted"',
    "with space",
    " leading",
    "trailing ",
    "**",
    "a/b?c#d&e=f",
    "../..",
    "{}[]()<>",
    "$1 :name @x",
    "நினைவு",
    "👩🏽‍💻",
    "\u202eright to left",
    "e\u0301",
    "\u00e9",
    "Case",
    "case",
    "null",
    "\ufeff",
]


async def test_nobody_gets_the_memory_of_another(provider: MemoryProvider, user: str, stranger: str) -> None:
    """Another user's id is an unknown id."""
    memory_id = await provider.remember(user, "tea")

    with pytest.raises(MemoryNotFound):
        await provider.get(stranger, memory_id)


async def test_nobody_lists_or_finds_the_memories_of_another(
    provider: MemoryProvider, user: str, stranger: str
) -> None:
    """List and recall see one user's memories only."""
    await provider.remember(user, "green tea")
    own = await provider.remember(stranger, "black tea")

    assert [memory.id for memory in await provider.list_memories(stranger)] == [own]
    assert [memory.id for memory in await provider.recall(stranger, "green tea")] == [own]
    answers = await provider.recall_many([RecallQuery(owner=Owner(stranger), query="green tea")])
    assert [[memory.id for memory in answer] for answer in answers if isinstance(answer, list)] == [[own]]


async def test_nobody_updates_the_memory_of_another(provider: MemoryProvider, user: str, stranger: str) -> None:
    """An update of another user's id finds nothing and changes nothing."""
    memory_id = await provider.remember(user, "tea")
    record = await provider.get(user, memory_id)

    with pytest.raises(MemoryNotFound):
        await provider.update(stranger, memory_id, content="coffee")
    assert await provider.get(user, memory_id) == record


async def test_nobody_deletes_the_memory_of_another(provider: MemoryProvider, user: str, stranger: str) -> None:
    """A delete of another user's id finds nothing, and the memory stays and can still be stored again."""
    memory_id = await provider.remember(user, "tea")

    assert await provider.delete(stranger, memory_id) is False
    assert (await provider.get(user, memory_id)).content == "tea"
    assert await provider.remember(user, "tea", memory_id=memory_id) == memory_id


async def test_an_id_belongs_to_its_user(provider: MemoryProvider, user: str, stranger: str) -> None:
    """Two users may hold different memories under one id."""
    memory_id = str(uuid4())
    await provider.remember(user, "tea", memory_id=memory_id)
    await provider.remember(stranger, "coffee", memory_id=memory_id)

    await provider.delete(user, memory_id)

    assert await provider.list_memories(user) == []
    assert [memory.content for memory in await provider.list_memories(stranger)] == ["coffee"]


async def test_odd_users_are_users_like_any_other(provider: MemoryProvider, user: str) -> None:
    """A user id means nothing but itself: no wildcard, no code, no folding."""
    users = [f"{odd}{user}{odd}" for odd in ODD_USERS]
    await provider.remember_many([NewMemory(owner=Owner(name), content=f"tea {name}") for name in users])

    seen = [[(memory.user_id, memory.content) for memory in await provider.list_memories(name)] for name in users]
    found = [[memory.user_id for memory in await provider.recall(name, "tea")] for name in users]

    assert seen == [[(name, f"tea {name}")] for name in users]
    assert found == [[name] for name in users]


@pytest.mark.parametrize("pad", ["x", "é", "ந", "😀"])
async def test_a_user_id_may_have_256_characters(provider: MemoryProvider, user: str, pad: str) -> None:
    """The longest user id is a user, whatever its characters take in bytes."""
    name = user.ljust(256, pad)

    memory_id = await provider.remember(name, "tea")

    assert [memory.id for memory in await provider.recall(name, "tea")] == [memory_id]
    assert (await provider.get(name, memory_id)).user_id == name
    assert await provider.list_memories(name[:-1]) == []
