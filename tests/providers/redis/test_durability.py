"""What was acknowledged outlives the server, and what comes after is told from what was before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio

from providers.answers import PARTIAL
from providers.errors import Unavailable
from providers.limits import MAX_PAGE_LIMIT
from providers.owners import Owner
from providers.redis.provider import RedisMemoryProvider
from providers.redis.settings import RedisSettings
from providers.replica import Replica
from providers.types import MemoryRecord, PageQuery, RecallQuery
from tests.support.native import host_for
from tests.support.redis import RedisServer, running_redis

OWNER = Owner("ann")
WRITERS = 8
ENOUGH = 200  # memories, before the server dies


@pytest_asyncio.fixture
async def server() -> AsyncIterator[RedisServer]:
    """A server that a test may kill."""
    with running_redis() as started:
        yield started


async def listed(provider: Replica) -> list[MemoryRecord]:
    """Return all memories."""
    return (await provider.page(PageQuery(owner=OWNER, limit=MAX_PAGE_LIMIT))).memories


@asynccontextmanager
async def opened(settings: RedisSettings) -> AsyncIterator[Replica]:
    """A provider."""
    async with settings.open(host_for()) as provider:
        yield provider


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(server: RedisServer) -> None:
    """Eight writers store, change and delete until it dies; what they were told holds after its next start."""
    kept: dict[str, str] = {}
    deleted: list[str] = []
    enough = asyncio.Event()

    async def write(provider: Replica, writer: int) -> None:
        for number in range(10_000):
            try:
                memory_id = await provider.remember(OWNER.user, f"tea {writer} {number}")
                kept[memory_id] = f"tea {writer} {number}"
                if number % 3 == 0:
                    kept.pop(memory_id)  # unknown until it is answered
                    await provider.update(OWNER.user, memory_id, content="coffee")
                    kept[memory_id] = "coffee"
                elif number % 3 == 1:
                    kept.pop(memory_id)
                    await provider.delete(OWNER.user, memory_id)
                    deleted.append(memory_id)
            except Unavailable:
                return
            if len(kept) + len(deleted) >= ENOUGH:
                enough.set()

    async with opened(server.settings()) as provider:
        writing = [asyncio.create_task(write(provider, writer)) for writer in range(WRITERS)]
        await enough.wait()
        lineage = (await provider.introduce()).lineage
        server.kill()
        await asyncio.gather(*writing)
        server.start()

        found = {memory.id: memory.content for memory in await listed(provider)}
        assert {memory_id: found.get(memory_id) for memory_id in kept} == kept
        assert found.keys().isdisjoint(deleted)
        assert {hit.id for hit in await provider.recall(OWNER.user, "tea coffee", 100)} <= found.keys()
        assert (await provider.introduce()).lineage != lineage


async def test_what_another_process_writes_is_recalled_at_once(redis_server: RedisServer) -> None:
    """Each looks at what changed since its last recall."""
    settings = redis_server.settings()
    async with opened(settings) as one, opened(settings) as other:
        memory_id = await one.remember("ann", "masala tea")
        assert [hit.id for hit in await other.recall("ann", "tea")] == [memory_id]
        await one.update("ann", memory_id, content="coffee")
        assert [hit.content for hit in await other.recall("ann", "coffee")] == ["coffee"]
        await one.delete("ann", memory_id)
        assert await other.recall("ann", "coffee tea") == []


async def test_an_emptied_server_is_another_store(server: RedisServer) -> None:
    """Of what was there nothing is recalled, and owners are found again although this process has met them before."""
    async with opened(server.settings()) as provider:
        await provider.remember(OWNER.user, "tea")
        before = await provider.identity()
        assert len(await provider.recall(OWNER.user, "tea")) == 1
        server.command("FLUSHALL")

        assert await provider.identity() != before
        await provider.remember(OWNER.user, "coffee")
        assert await provider.owners() == [OWNER]
        assert [hit.content for hit in await provider.recall(OWNER.user, "tea coffee")] == ["coffee"]


async def test_keyspaces_on_one_server_are_apart(redis_server: RedisServer) -> None:
    """Each has its memories and its identity."""
    async with opened(redis_server.settings()) as one, opened(redis_server.settings()) as other:
        await one.remember("ann", "tea")

        assert await other.list_memories("ann") == []
        assert await other.owners() == []
        assert await one.identity() != await other.identity()


async def test_of_too_many_memories_the_newest_are_recalled(redis_server: RedisServer) -> None:
    """And the answer says that it is partial."""
    async with opened(redis_server.settings()) as provider:
        assert isinstance(provider, RedisMemoryProvider)
        ids = [await provider.remember("ann", f"tea {number}") for number in range(4)]
        provider.parts.changes.most = provider.parts.recall.most = 3
        found = await provider.find(RecallQuery(owner=OWNER, query="tea"))

    assert found.degraded == (PARTIAL,)
    assert {hit.id for hit in found.memories} == set(ids[1:])
