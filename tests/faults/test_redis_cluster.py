"""A Redis Cluster whose primaries are killed, replaced and restarted, and whose slots move, under load."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from redis.crc import key_slot

from providers.owners import Owner
from providers.redis.keys import Keyspace
from providers.redis.options import RedisOptions
from tests.faults.lab import under_load
from tests.faults.load import USERS, Load
from tests.faults.redis_cluster_store import ClusterStore
from tests.faults.unlike import Store, running_stores
from tests.faults.unlike_lab import UnlikeLab, running_lab
from tests.support.postgres import reachable_folder
from tests.support.redis_cluster import SHARDS, RedisCluster, running_cluster

LEAST_ACTS, MOST_ACTS = 2_400, 100_000
FEW_ACTS = 160
PAUSE = 1.0  # seconds between two faults

_seeds = itertools.count(1)


@pytest_asyncio.fixture
async def cluster() -> AsyncIterator[RedisCluster]:
    """A cluster that a test may hurt."""
    with running_cluster() as running:
        yield running


@asynccontextmanager
async def lab_over(cluster: RedisCluster, beside: tuple[str, ...]) -> AsyncIterator[UnlikeLab[Store]]:
    """A service over the cluster and other stores behind it."""
    with reachable_folder() as folder:
        async with running_stores(beside, folder, "") as others:
            stores: Sequence[Store] = [ClusterStore(cluster), *others]
            async with running_lab(folder, stores) as lab:
                yield lab


@asynccontextmanager
async def acting(load: Load) -> AsyncIterator[None]:
    """Act for as long as the faults take, and until enough is done."""
    running = asyncio.create_task(load.run(MOST_ACTS))
    try:
        yield
        while len(load.events) < LEAST_ACTS and not running.done():
            await asyncio.wait([running], timeout=PAUSE)
        load.end()
        await running
    finally:
        running.cancel()


def slots_of(load: Load) -> list[int]:
    """Return the slots that the users of a load are in."""
    keyspace = Keyspace(RedisOptions().prefix)
    return [int(key_slot(keyspace.of(Owner(f"user-{load.seed}-{number}")).states.encode())) for number in range(USERS)]


def hurt(cluster: RedisCluster, slot: int) -> None:
    """Kill, replace and restart a primary, and move a slot away from one."""
    primary = cluster.having(slot)
    cluster.fall(primary)
    cluster.recover()
    cluster.fail_over(cluster.having(slot))
    cluster.wait_until_whole()
    cluster.move_slot(slot)
    cluster.wait_until_whole()
    cluster.kill(cluster.having(slot))  # back before its replica takes its place
    cluster.recover()
    cluster.kill(cluster.replica_of(cluster.having(slot)))
    cluster.recover()


@pytest.mark.soak
@pytest.mark.parametrize("beside", [("native",), ()], ids=["before-native", "alone"])
async def test_a_cluster_loses_nothing(cluster: RedisCluster, beside: tuple[str, ...]) -> None:
    """Nor shows anything that was deleted, nor stores anything twice, nor answers with an empty list."""
    async with lab_over(cluster, beside) as lab:
        load = Load(lab.service, next(_seeds), ["redis"])
        async with acting(load):
            for slot in slots_of(load)[:SHARDS]:
                await asyncio.to_thread(hurt, cluster, slot)
                await asyncio.sleep(PAUSE)
        await lab.prove(load)


@pytest.mark.thorough
async def test_a_primary_changes_places_with_its_replica(cluster: RedisCluster) -> None:
    """And a slot moves, while clients write: nothing is lost, and a standby ends alike."""
    async with lab_over(cluster, ("native",)) as lab:
        load = Load(lab.service, next(_seeds), ["redis"])
        async with under_load(load, FEW_ACTS):
            slot = slots_of(load)[0]
            await asyncio.to_thread(cluster.fail_over, cluster.having(slot))
            await asyncio.to_thread(cluster.wait_until_whole)
            await asyncio.to_thread(cluster.move_slot, slot)
        await lab.prove(load)
