"""What every provider promises of tenants: equal user and memory ids of two tenants never meet, in any method."""

from contextlib import suppress
from uuid import uuid4

import pytest

from providers.answers import Fetched, Found, Stored
from providers.base import MemoryProvider
from providers.errors import MemoryNotFound
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Deletion, Edit, NewMemory, PageQuery, RecallQuery
from tests.support.states import live, tombstone

TENANTS = ("default", "acme", "globex")


@pytest.fixture
def owners(user: str) -> list[Owner]:
    """One user id in three tenants."""
    return [Owner(user, tenant) for tenant in TENANTS]


@pytest.fixture
async def memory_id(provider: MemoryProvider, owners: list[Owner]) -> str:
    """The id under which each of the owners has a memory of their own, stored by one batch."""
    memory_id = str(uuid4())
    stored = await provider.store_many(
        [NewMemory(owner=owner, content=f"tea of {owner.tenant}", memory_id=memory_id) for owner in owners]
    )
    assert [one.id for one in stored if isinstance(one, Stored)] == [memory_id] * len(owners)
    return memory_id


async def _fetched(provider: MemoryProvider, owner: Owner, memory_id: str) -> str | None:
    with suppress(MemoryNotFound):
        return (await provider.fetch(owner, memory_id)).memory.content
    return None


async def _contents(provider: MemoryProvider, owners: list[Owner], memory_id: str) -> list[str | None]:
    return [await _fetched(provider, owner, memory_id) for owner in owners]


async def test_a_memory_names_its_owner(provider: MemoryProvider, owners: list[Owner], memory_id: str) -> None:
    """Fetched, listed or recalled, a memory bears the user id that was sent, and its tenant."""
    for owner in owners:
        fetched: Fetched = await provider.fetch(owner, memory_id)
        listed = await provider.page(PageQuery(owner=owner))
        recalled = await provider.find(RecallQuery(owner=owner, query="tea"))

        for memories in ([fetched.memory], listed.memories, recalled.memories):
            found = [(memory.owner, memory.id, memory.content) for memory in memories]
            assert found == [(owner, memory_id, f"tea of {owner.tenant}")]


async def test_many_questions_are_answered_by_their_own_tenant(
    provider: MemoryProvider, owners: list[Owner], memory_id: str
) -> None:
    """Questions of several tenants in one batch, with conditions or without, each find one memory."""
    queries = [RecallQuery(owner=owner, query="tea") for owner in owners]
    without = [RecallQuery(owner=owner, query="tea", without=frozenset({str(uuid4())})) for owner in owners]

    answers = await provider.find_many([*queries, *without])

    told = [[memory.content for memory in one.memories] for one in answers if isinstance(one, Found)]
    assert told == [[f"tea of {owner.tenant}"] for owner in owners] * 2
    assert memory_id


async def test_pages_end_within_a_tenant(provider: MemoryProvider, owners: list[Owner], memory_id: str) -> None:
    """A position in one tenant's list is a place in another's, and no way into it."""
    for owner in owners:
        [memory] = (await provider.page(PageQuery(owner=owner, most_bytes=10_000))).memories
        for other in owners:
            page = await provider.page(PageQuery(owner=other, after=memory.position))
            assert {one.owner for one in page.memories} <= {other}
        assert (memory.id, memory.owner) == (memory_id, owner)


async def test_a_change_is_of_one_tenant(provider: MemoryProvider, owners: list[Owner], memory_id: str) -> None:
    """The same id is changed for one owner alone."""
    changed = await provider.change(Edit(owner=owners[1], memory_id=memory_id, content="coffee"))

    assert changed.memory.owner == owners[1]
    assert await _contents(provider, owners, memory_id) == ["tea of default", "coffee", "tea of globex"]


async def test_a_deletion_is_of_one_tenant(provider: MemoryProvider, owners: list[Owner], memory_id: str) -> None:
    """The same id is deleted for one owner alone, and another tenant has nothing to delete there."""
    assert (await provider.erase(Deletion(owner=Owner(owners[0].user, "initech"), memory_id=memory_id))).count == 0
    assert (await provider.erase(Deletion(owner=owners[0], memory_id=memory_id))).count == 1

    assert await _contents(provider, owners, memory_id) == [None, "tea of acme", "tea of globex"]


async def test_everything_of_a_user_is_of_one_tenant(
    provider: MemoryProvider, owners: list[Owner], memory_id: str
) -> None:
    """Deleting all of a user leaves the user of that name in other tenants alone."""
    assert (await provider.erase_all(owners[2])).count == 1

    assert await _contents(provider, owners, memory_id) == ["tea of default", "tea of acme", None]


async def test_states_and_tombstones_are_of_one_tenant(provider: MemoryProvider, owners: list[Owner]) -> None:
    """A tombstone put into one tenant deletes nothing in another, and states come out by owner."""
    assert isinstance(provider, Replica)
    memory_id = str(uuid4())
    states = [live(owner.key, f"state of {owner.tenant}", 2_000 << 16, id=memory_id) for owner in owners]
    deleted = tombstone(states[1], 2_001 << 16)

    assert await provider.put_many([states[0], deleted, states[2]]) == [None, None, None]

    held = [await provider.snapshot(owner, memory_id) for owner in owners]
    assert [state and (state.owner, state.content) for state in held] == [
        (owners[0], "state of default"),
        (owners[1], None),
        (owners[2], "state of globex"),
    ]
    assert [await provider.snapshots(owner) for owner in owners] == [[state] for state in held]


async def test_owners_are_walked_tenant_by_tenant(
    provider: MemoryProvider, owners: list[Owner], memory_id: str
) -> None:
    """Pages of owners and of their summaries reach each owner once, ascending by key."""
    assert isinstance(provider, Replica)
    assert memory_id

    seen: list[Owner] = []
    while page := await provider.owners(2, after=seen[-1] if seen else None):
        seen += page
    summed: list[Owner] = []
    while summaries := await provider.summaries(2, after=summed[-1] if summed else None):
        summed += [summary.owner for summary in summaries]

    assert seen == summed == sorted(set(seen), key=lambda owner: owner.key)
    assert set(owners) <= set(seen)


async def test_one_tenant_says_nothing_of_another(provider: MemoryProvider, user: str) -> None:
    """For the user of the same name in another tenant there is nothing at all."""
    memory_id = (await provider.store(NewMemory(owner=Owner(user, "acme"), content="tea"))).id
    stranger = Owner(user, "globex")

    assert (await provider.page(PageQuery(owner=stranger))).memories == []
    assert (await provider.find(RecallQuery(owner=stranger, query="tea"))).memories == []
    for attempt in (
        provider.fetch(stranger, memory_id),
        provider.change(Edit(owner=stranger, memory_id=memory_id, content="coffee")),
    ):
        with pytest.raises(MemoryNotFound):
            await attempt
    assert (await provider.store(NewMemory(owner=stranger, content="coffee", memory_id=memory_id))).id == memory_id
