"""The history of memories in Redis: what goes into it, and what of it leaves the server for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from providers.history import HistoryQuery
from providers.owners import Owner
from providers.redis.acknowledging import Command
from providers.redis.provider import RedisMemoryProvider
from providers.redis.settings import RedisSettings
from providers.retention import DAY_MS, UNDATED_VERSION, Retention
from providers.states.clock import COUNTER_BITS
from providers.states.digests import digest_of
from providers.types import Deletion, Snapshot
from tests.support.native import host_for
from tests.support.redis import RedisServer

ANNA = Owner("anna")
THREE = Retention(keep=3)
TEXTS = ["tea number one", "tea number two", "tea number three"]


@asynccontextmanager
async def opened(settings: RedisSettings, retention: Retention = THREE) -> AsyncIterator[RedisMemoryProvider]:
    """Open a provider that keeps so much."""
    async with settings.open(replace(host_for(), retention=retention)) as provider:
        assert isinstance(provider, RedisMemoryProvider)
        yield provider


@pytest.fixture
def settings(redis_server: RedisServer) -> RedisSettings:
    """Those of a keyspace of its own."""
    return redis_server.settings()


async def written(provider: RedisMemoryProvider, texts: list[str] = TEXTS) -> str:
    """Store a memory, change it to each of the other texts, and return its id."""
    memory_id = await provider.remember(ANNA.user, texts[0])
    for text in texts[1:]:
        await provider.update(ANNA.user, memory_id, content=text)
    return memory_id


async def at_server(provider: RedisMemoryProvider) -> tuple[list[str], list[str]]:
    """Return the texts of the owner's versions that the server has, and their places in order."""
    keys = provider.parts.keyspace.of(ANNA)
    commands = [("HVALS", keys.history), ("ZRANGE", keys.versions, 0, -1)]
    texts, places = await provider.parts.servers.run(keys.history, commands)
    assert len(texts) == len(places)
    return sorted(text.decode() for text in texts), [place.decode() for place in places]


async def kept(provider: RedisMemoryProvider, memory_id: str) -> list[str | None]:
    """Return the texts of a memory's history, the newest first."""
    page = await provider.history(HistoryQuery(owner=ANNA, memory_id=memory_id))
    return [state.content for state in page.versions]


async def test_no_more_is_kept_than_is_asked_for(settings: RedisSettings) -> None:
    """What is too much is dropped by the write that makes it so, or that brings it."""
    async with opened(settings) as provider:
        memory_id = await written(provider, [str(number) for number in range(6)])
        state = await provider.snapshot(ANNA, memory_id)
        assert state is not None
        await provider.put_versions([replace(state, version=state.version - (1 << 30), content="older")])

        assert await kept(provider, memory_id) == ["5", "4", "3", "2"]
        assert len((await at_server(provider))[1]) == THREE.keep


async def test_a_deletion_leaves_no_version_at_the_server(settings: RedisSettings) -> None:
    """Nor one that comes later; those of other memories stay."""
    async with opened(settings) as provider:
        gone, other = await written(provider), await written(provider)
        state = await provider.snapshot(ANNA, gone)
        assert state is not None
        await provider.delete(ANNA.user, gone)
        [refused] = await provider.put_versions([replace(state, version=state.version - 1)])

        assert refused is not None
        assert {place.split(":")[0] for place in (await at_server(provider))[1]} == {other}
        assert await kept(provider, other) == TEXTS[::-1]


async def test_versions_and_deletions_at_once_leave_nothing(settings: RedisSettings) -> None:
    """Two processes, by turns in which either may come first."""
    async with opened(settings) as one, opened(settings) as two:
        for _ in range(20):
            memory_id = await written(one)
            state = await one.snapshot(ANNA, memory_id)
            assert state is not None
            older = [replace(state, version=state.version - number) for number in range(1, 4)]
            await asyncio.gather(
                *(two.put_versions([version]) for version in older),
                one.erase(Deletion(owner=ANNA, memory_id=memory_id)),
            )

        assert await at_server(one) == ([], [])


async def test_a_sweep_drops_what_is_old_and_what_is_buried(settings: RedisSettings) -> None:
    """What a former program has left beside a tombstone as well; and everything where nothing is kept any more."""
    async with opened(settings) as provider:
        memory_id, buried = await written(provider), await written(provider)
        state = await provider.snapshot(ANNA, buried)
        assert state is not None
        keys = provider.parts.keyspace.of(ANNA)
        before = await at_server(provider)
        await provider.delete(ANNA.user, buried)
        [left] = [place for place in before[1] if place.startswith(buried)][:1]
        commands: list[Command] = [("HSET", keys.history, left, before[0][0]), ("ZADD", keys.versions, 0, left)]
        await provider.parts.servers.run(keys.history, commands, writes=True)
        assert await provider.parts.histories.sweep() == 1
        assert await kept(provider, memory_id) == TEXTS[::-1]
        assert await provider.parts.histories.sweep() == 0
        state = await provider.snapshot(ANNA, memory_id)
        assert state is not None
        await provider.put_versions([replace(state, version=state.version - (2 * DAY_MS << COUNTER_BITS))])
        assert len(await kept(provider, memory_id)) == THREE.keep + 1
    async with opened(settings, replace(THREE, days=1)) as provider:
        assert await kept(provider, memory_id) == TEXTS[::-1]
        assert [version.content for version in await provider.superseded(ANNA)] == TEXTS[:-1]
        assert await provider.parts.histories.sweep() == 1
    async with opened(settings, Retention(keep=0)) as provider:
        assert await provider.parts.histories.sweep() == 2
        assert await at_server(provider) == ([], [])


async def test_a_sweep_removes_what_was_refused(settings: RedisSettings) -> None:
    """What nobody could judge, where the memory was another one; where it was this one, it is a version."""
    async with opened(settings) as provider:
        memory_id, other = await written(provider), await written(provider, TEXTS[:1])
        for one, digest in ((memory_id, digest_of("beer", None)), (other, None)):
            state = await provider.snapshot(ANNA, one)
            assert state is not None
            refused = replace(state, version=UNDATED_VERSION, updated_at=None, content="beer")
            await provider.put_versions([refused if digest is None else replace(refused, digest=digest)])

        assert await provider.parts.histories.sweep() == 1
        assert await provider.parts.histories.sweep() == 0
        assert sorted(one.content or "" for one in await provider.superseded(ANNA)) == ["beer", *TEXTS[:-1]]
        assert len((await at_server(provider))[0]) == len(TEXTS)


async def test_an_erased_owner_leaves_no_key(settings: RedisSettings) -> None:
    """Versions up to the fence go, whatever memory they are of, and with the last thing everything of the owner."""
    async with opened(settings) as provider:
        memory_id = await written(provider)
        newest = await provider.snapshot(ANNA, memory_id)
        assert newest is not None
        [older, *_] = await provider.superseded(ANNA)
        await provider.purge(ANNA, older.version)
        assert await kept(provider, memory_id) == TEXTS[:0:-1]
        while await provider.purge(ANNA, newest.version):
            pass

        keys = provider.parts.keyspace.of(ANNA)
        assert await provider.parts.servers.run(keys.states, [("EXISTS", *keys.all)]) == [0]
        assert await provider.owners() == []


async def test_versions_survive_the_end_of_a_process(settings: RedisSettings) -> None:
    """They are at the server, where any other process reads them, page by page."""
    async with opened(settings) as provider:
        memory_id = await written(provider)
    async with opened(settings) as provider:
        found: list[Snapshot] = []
        while page := await provider.superseded(ANNA, 1, after=(found[-1].id, found[-1].version) if found else None):
            found += page

        assert [state.content for state in found] == TEXTS[:-1]
        assert await kept(provider, memory_id) == TEXTS[::-1]
