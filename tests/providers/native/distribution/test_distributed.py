"""A provider over distributed memories: what it counts, what it combines, and what it does not know."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from providers.erasure.fences import Fence
from providers.errors import Unsupported
from providers.group_commit import Combiner
from providers.history import HistoryQuery
from providers.native.embedded import EmbeddedServer
from providers.native.health import COUNTED_EXACTLY
from providers.owners import Owner
from providers.types import NewMemory
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.partitioned import partitioned_database
from tests.support.postgres import connected, drop_database
from tests.support.states import live

_FILL = """
    INSERT INTO ninai_memories (user_id, id, version, content, created_at, digest, terms)
    SELECT 'user-' || n % 100, gen_random_uuid(), n, 'tea', now(), 'd', t.terms
    FROM generate_series(1, $1) AS n CROSS JOIN (SELECT ninai_terms('tea') AS terms) AS t
"""


@pytest.fixture
async def partitioned(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database with memories in the form, in partitions."""
    dsn = await partitioned_database(postgres_server)
    yield dsn
    await drop_database(postgres_server, dsn)


@pytest.mark.thorough
async def test_health_counts_what_can_be_counted_and_says_no_wrong_number(partitioned: str) -> None:
    """Up to the bound all are counted; beyond it there is no estimate of all nodes, and so no number."""
    async with open_native_provider(partitioned) as provider, connected(partitioned) as connection:
        await connection.execute(_FILL, COUNTED_EXACTLY)
        exact = await provider.health_check()
        await provider.remember("ann", "one more")
        beyond = await provider.health_check()

    assert (exact.healthy, exact.total_memories, exact.total_is_estimate) == (True, COUNTED_EXACTLY, False)
    assert (beyond.healthy, beyond.total_memories, beyond.total_is_estimate) == (True, None, False)
    assert beyond.details[-1] == "memories: not counted"


@pytest.mark.thorough
async def test_a_node_that_does_not_answer_makes_nobody_ill(partitioned: str) -> None:
    """Its memories cannot be counted, while others are served: so there is no number, and all is well."""
    async with open_native_provider(partitioned) as provider, connected(partitioned) as connection:
        await provider.remember("ann", "tea")
        async with connection.transaction():
            await connection.execute("LOCK TABLE ninai_memories IN ACCESS EXCLUSIVE MODE")
            health = await provider.health_check()

    assert (health.healthy, health.total_memories) == (True, None)


async def test_what_changed_is_not_known_there(partitioned: str) -> None:
    """Recalls are answered in the database, and its ranking is named so; the shard of an owner is known."""
    async with open_native_provider(partitioned, HashingEmbedder()) as provider:
        before = provider.has_shards
        await provider.remember("ann", "tea at five")

        assert await provider.changes_since(Owner("ann"), None) is None
        assert [one.content for one in await provider.recall("ann", "tea")] == ["tea at five"]
        assert (before, provider.has_shards) == (False, True)
        assert provider.ranking.startswith("native ")
        assert provider.shard_of(Owner("ann")) == provider.shard_of(Owner("ann"))


async def test_what_only_triggers_look_after_is_not_kept_there(partitioned: str) -> None:
    """No history and no list of erased users, from the first call on; and an erasure leaves nothing."""
    owner = Owner("ann")
    fence = Fence(key="00", hash="11", version=7, erased_at=1.0)
    async with open_native_provider(partitioned) as provider:
        with pytest.raises(Unsupported):
            await provider.put_versions([live("ann")])
    async with open_native_provider(partitioned) as provider:
        memory_id = await provider.remember("ann", "tea")
        await provider.update("ann", memory_id, content="coffee")
        await provider.put_fences([fence])

        assert (provider.keeps_history, provider.keeps_fences) == (False, False)
        assert (await provider.superseded(owner), await provider.fences()) == ([], [])
        with pytest.raises(Unsupported):
            await provider.history(HistoryQuery(owner=owner, memory_id=memory_id))
        assert await provider.versions.sweep() == 0
        [newest] = await provider.snapshots(owner)
        assert await provider.purge(owner, newest.version) == 1
        assert await provider.owners() == []


@pytest.mark.thorough
async def test_batches_of_several_owners_and_sizes_are_stored(partitioned: str) -> None:
    """As values and as selected rows, and all of them are found."""
    async with open_native_provider(partitioned, HashingEmbedder()) as provider:
        for count in (1, 2, 16, 17, 100):
            memories = [NewMemory(owner=Owner(f"user-{n % 3}"), content=f"{count}-{n}") for n in range(count)]
            stored = await provider.store_many(memories)
            assert len({one.id for one in stored if not isinstance(one, Exception)}) == count
        assert sum(one.live for one in await provider.summaries()) == 1 + 2 + 16 + 17 + 100
        assert [owner.user for owner in await provider.owners()] == ["user-0", "user-1", "user-2"]
        assert [owner.user for owner in await provider.owners(1, after=Owner("user-0"))] == ["user-1"]


async def test_only_items_with_one_key_share_a_batch() -> None:
    """Each batch has the items of one key that have waited longest; nobody waits for another key for ever."""
    batches: list[list[str]] = []
    free = asyncio.Event()

    async def store(items: Sequence[str]) -> list[str]:
        batches.append(list(items))
        await free.wait()
        return [item.upper() for item in items]

    combiner = Combiner(store, 1, lambda item: item[0])
    tasks = [asyncio.create_task(combiner.put(item)) for item in ("a1", "b1", "a2", "b2", "c1", "a3")]
    await asyncio.sleep(0)
    free.set()

    assert await asyncio.gather(*tasks) == ["A1", "B1", "A2", "B2", "C1", "A3"]
    assert batches == [["a1", "a2", "a3"], ["b1", "b2"], ["c1"]]
