"""Puts by key in one statement: what they do at once, and what they leave to a look."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.answers import Changed, Stored
from providers.erasure.fences import Fence, hash_of, new_key
from providers.history import HistoryQuery
from providers.keys.looking import fetch
from providers.keys.writing import Put, put
from providers.native.key_tidying import GATHERED_SECONDS
from providers.native.listing import page_statement
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.types import Deletion, Edit, NewMemory, PageQuery
from tests.support.native import open_native_provider
from tests.support.postgres import connected

OWNER = Owner("anna")
AT_ONCE = 6


@pytest.fixture
async def provider(database: str) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider as it comes, which keeps history."""
    async with open_native_provider(database) as opened:
        yield opened


def new(content: str, key: str | None = "plans", **parts: object) -> NewMemory:
    """A memory with a key."""
    return replace(NewMemory(owner=OWNER, content=content, key=key, memory_id=str(uuid4())), **parts)


async def test_it_stores_or_replaces(provider: PostgresMemoryProvider) -> None:
    """All parts are replaced, the id stays, and the former version is in the history."""
    first = await provider.put_keyed(new("tea", metadata={"a": 1}, session="one"))
    second = await provider.put_keyed(new("more tea", speaker="bob"))
    other = await provider.put_keyed(new("milk", key="drinks"))

    memory = (await fetch(provider, OWNER, "plans")).memory
    assert isinstance(first, Stored)
    assert isinstance(second, Changed)
    assert isinstance(other, Stored)
    assert second.memory == memory
    assert (memory.id, memory.content, memory.metadata, memory.session) == (first.id, "more tea", None, None)
    assert (memory.speaker, memory.key, memory.version > first.version) == ("bob", "plans", True)
    history = await provider.history(HistoryQuery(owner=OWNER, memory_id=first.id))
    assert [one.content for one in history.versions] == ["more tea", "tea"]


async def test_it_replaces_nothing_that_was_erased(provider: PostgresMemoryProvider) -> None:
    """What is still to be removed has no key; what is above the fence is replaced as ever."""
    old = await provider.put_keyed(new("tea"))
    assert isinstance(old, Stored)
    fence = Fence(key=(key := new_key()), hash=hash_of(key, OWNER.key), version=old.version, erased_at=1.0)
    await provider.put_fences([fence])

    stored = await provider.put_keyed(new("coffee"))
    changed = await provider.put_keyed(new("chicory"))

    assert isinstance(stored, Stored)
    assert isinstance(changed, Changed)
    assert (changed.memory.id, changed.memory.content) == (stored.id, "chicory")
    assert await provider.purge(OWNER, fence.version) == 1
    assert [state.content for state in await provider.snapshots(OWNER)] == ["chicory"]


async def test_a_repeated_try_does_nothing_more(provider: PostgresMemoryProvider) -> None:
    """It is answered as the first one was, also when somebody has changed the memory since, which stays."""
    stored, changing = new("tea"), new("more tea")
    first = await provider.put_keyed(stored)
    again = await provider.put_keyed(stored)
    changed = await provider.put_keyed(changing)
    assert isinstance(changed, Changed)
    await provider.change(Edit(owner=OWNER, memory_id=changed.memory.id, content="milk"))
    late = await provider.put_keyed(changing)

    assert isinstance(first, Stored)
    assert isinstance(again, Stored)
    assert (again.id, again.version) == (first.id, first.version)
    assert isinstance(late, Changed)
    assert late.memory.content == "milk"


async def test_what_it_cannot_decide_is_left_to_a_look(provider: PostgresMemoryProvider) -> None:
    """Several memories of a key, an expired one, and one without a key: nothing is done, and a put looks."""
    for content in ("tea", "more tea"):
        await provider.store(new(content, key="two"))
    await provider.store(new("gone", key="gone", expires_at=datetime(2024, 2, 29, tzinfo=UTC)))

    for key in ("two", "gone", None):
        assert await provider.put_keyed(new("never", key=key)) is None
    kept = [await put(provider, Put(memory=replace(new("milk", key=key), memory_id=None))) for key in ("two", "gone")]

    assert [one.created for one in kept] == [False, True]
    listed = (await provider.page(PageQuery(owner=OWNER))).memories
    assert sorted((one.key, one.content) for one in listed) == [("gone", "milk"), ("two", "milk")]


async def test_a_deleted_memory_keeps_its_tombstone(provider: PostgresMemoryProvider) -> None:
    """What is put under its key afterwards is another memory."""
    first = await provider.put_keyed(new("tea"))
    assert isinstance(first, Stored)
    await provider.erase(Deletion(owner=OWNER, memory_id=first.id))
    second = await provider.put_keyed(new("milk"))

    assert isinstance(second, Stored)
    assert second.id != first.id
    assert [one.content for one in (await provider.page(PageQuery(owner=OWNER))).memories] == ["milk"]


async def test_who_puts_at_once_leaves_one(provider: PostgresMemoryProvider) -> None:
    """The store looks by itself, and deletes what others have superseded; who put is told so."""
    wanted = [Put(memory=NewMemory(owner=OWNER, content=f"tea {number}", key="plans")) for number in range(AT_ONCE)]

    kept = await asyncio.gather(*(put(provider, one) for one in wanted))

    async with asyncio.timeout(10):
        while len(listed := (await provider.page(PageQuery(owner=OWNER))).memories) > 1:  # noqa: ASYNC110 - the end of a look sets no event
            await asyncio.sleep(GATHERED_SECONDS)
    [current] = listed
    assert current.id in {one.id for one in kept}
    assert not any(one.untidy for one in kept)


async def test_a_look_by_key_reads_the_index_of_keys(provider: PostgresMemoryProvider, database: str) -> None:
    """Also while the planner knows nothing of the memories, and would walk along the list."""
    await provider.store_many([new(f"tea {number}", key=f"{number}") for number in range(300)])
    query = PageQuery(owner=OWNER, key="7", limit=100, now=datetime.now(UTC) - timedelta(days=1))
    statement = page_statement(query)

    async with connected(database) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE sought AS {statement.text}")
        values = ", ".join(f"'{value}'" for value in statement.values)
        plan = await connection.fetch(f"EXPLAIN EXECUTE sought ({values})")

    used = [row[0] for row in plan if "Index Scan" in row[0]]
    assert used
    assert all("user_id_key_idx" in line for line in used)
