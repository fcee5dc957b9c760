"""A cluster keeps all of an owner in one place, and sends on whoever asks elsewhere."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, ParamSpec, TypeVar, cast

import pytest
from redis.crc import key_slot

from observability.secret import Secret
from providers.embedders.settings import EmbedderSettings
from providers.errors import Misconfigured, Unavailable, Unreachable
from providers.kind import Usage
from providers.owners import Owner
from providers.redis.acknowledging import Command
from providers.redis.cluster import Cluster
from providers.redis.keys import Keyspace
from providers.redis.node import Node
from providers.redis.settings import RedisSettings
from providers.types import RecallQuery
from tests.support.native import LentEmbedder, host_for
from tests.support.redis import RedisServer, free_port, running_redis
from tests.support.redis_cluster import running_cluster
from tests.support.redis_vectors import FEW, IDLE, few, hashing

SLOTS = 16_384
USERS = [f"user {number}" for number in range(8)]
NOBODY = [f"nobody {number}" for number in range(8)]  # a slot that has keys is not given away at once

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


@pytest.fixture(scope="module")
def servers() -> Iterator[list[RedisServer]]:
    """Two primaries, each with half of the slots."""
    with ExitStack() as stack:
        started = [stack.enter_context(running_redis({"cluster-enabled": "yes"}, free_port())) for _ in range(2)]
        one, other = started
        one.command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS // 2 - 1)
        other.command("CLUSTER", "ADDSLOTSRANGE", SLOTS // 2, SLOTS - 1)
        one.command("CLUSTER", "MEET", "127.0.0.1", other.port)
        while not all(b"cluster_state:ok" in server.command("CLUSTER", "INFO") for server in started):
            time.sleep(0.05)
        yield started


@pytest.mark.thorough
async def test_users_are_kept_where_their_slots_are(servers: list[RedisServer]) -> None:
    """Whatever is done with them works as on a single server."""
    async with servers[1].settings(cluster=True).open(host_for()) as provider:
        for user in USERS:
            memory_id = await provider.remember(user, "masala tea")
            await provider.update(user, memory_id, metadata={"cup": 1})
            await provider.delete(user, await provider.remember(user, "water"))

        assert [owner.user for owner in await provider.owners()] == USERS
        assert [(await provider.recall(user, "tea"))[0].metadata for user in USERS] == [{"cup": 1}] * len(USERS)
        assert await provider.identity() == await provider.identity()
        assert (await provider.health_check()).healthy


@pytest.mark.thorough
async def test_vectors_are_kept_where_their_users_are(servers: list[RedisServer]) -> None:
    """And so are their sets, on either server."""
    embedder = cast("EmbedderSettings", LentEmbedder(hashing()))
    async with servers[0].settings(cluster=True, embedder=embedder).open(IDLE) as provider:
        sets = few(provider).parts.sets
        for user in USERS:
            car = await provider.remember(user, "the red car")
            for number in range(FEW + 1):
                await provider.remember(user, f"coffee {number}")
            await sets.follow(Owner(user))
            found = await provider.find(RecallQuery(owner=Owner(user), query="vehicle"))
            assert found.memories[0].id == car


@pytest.mark.thorough
async def test_a_slot_that_has_moved_is_followed(servers: list[RedisServer]) -> None:
    """The server that had it sends us on, and nothing is lost of the write that was under way."""
    one, other = servers
    settings = one.settings(cluster=True)
    async with settings.open(host_for()) as provider:
        await provider.identity()  # so that all slots are known
        places = {slot_of(settings.prefix, user): user for user in NOBODY}
        slot, user = next((slot, user) for slot, user in places.items() if slot < SLOTS // 2)
        name = other.command("CLUSTER", "MYID").decode()
        for server in (other, one):
            server.command("CLUSTER", "SETSLOT", slot, "NODE", name)

        memory_id = await provider.remember(user, "tea")
        assert [memory.id for memory in await provider.list_memories(user)] == [memory_id]


@pytest.mark.thorough
async def test_one_server_of_a_cluster_says_what_to_set(servers: list[RedisServer]) -> None:
    """Whoever takes it for all is told so."""
    async with servers[0].settings().open(host_for()) as provider:
        elsewhere = next(user for user in USERS if slot_of("n", user) >= SLOTS // 2)
        with pytest.raises(Misconfigured, match="cluster = true"):
            await provider.remember(elsewhere, "tea")


def slot_of(prefix: str, user: str) -> int:
    """Return where a user's keys are."""
    return int(key_slot(Keyspace(prefix).of(Owner(user)).states.encode()))


def test_only_a_tag_ends_the_tag_of_a_user() -> None:
    """Braces of a user stay out of what a cluster looks at."""
    for name in ("a}b", "{}", "ann", "\u0b85"):
        keys = Keyspace("n").of(Owner(name))
        assert len({key_slot(key.encode()) for key in keys.all}) == 1


def test_an_address_of_a_cluster_is_over_tcp(redis_server: RedisServer) -> None:
    """Servers of a cluster tell each other's ports."""
    usage = Usage(name="redis", in_use=True, alone=True, journalled=False, begun=None)
    for url in ("unix:///tmp/socket", "redis://localhost/1", "http://localhost", "redis://", "redis://h:99999"):
        settings = redis_server.settings(cluster=True, url=Secret(url))
        assert [fault.reason for fault in settings.faults(usage)] != []
    assert [*redis_server.settings(cluster=True, url=Secret("rediss://u:p@host:6379/0")).faults(usage)] == []


def test_without_the_extra_the_configuration_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the first request."""
    monkeypatch.setitem(sys.modules, "redis", None)
    usage = Usage(name="redis", in_use=True, alone=True, journalled=False, begun=None)
    [fault] = RedisSettings().faults(usage)
    assert fault.reason.endswith("pip install 'ninaivalaigal[redis]'")


@pytest.mark.thorough
async def test_whoever_takes_the_place_of_a_primary_is_found() -> None:
    """Also where the server of the URL is the one that is gone, and once it is back as a replica."""
    with running_cluster() as cluster:
        first = cluster.servers[0]
        settings = first.settings(cluster=True, replicas=1)
        user = next(user for user in map(str, range(SLOTS)) if cluster.having(slot_of(settings.prefix, user)) is first)
        async with settings.open(host_for()) as provider:
            await provider.remember(user, "tea")
            cluster.fall(first)
            assert [memory.content for memory in await once_it_can(provider.list_memories, user)] == ["tea"]
            cluster.recover()
            await once_it_can(provider.remember, user, "milk")
            cluster.fail_over(cluster.having(slot_of(settings.prefix, user)))
            await once_it_can(provider.remember, user, "rice")
            assert len(await provider.list_memories(user)) == 3


class Told(Node):
    """A server that tells `ranges` of slots if it is asked for them, is gone without any, and does nothing else."""

    def __init__(self, name: str, asked: list[str], ranges: list[Any] | None = None) -> None:
        self.ranges = ranges
        self._name, self._asked = name, asked

    async def run(self, commands: Sequence[Command], *, writes: bool = False, asking: bool = False) -> list[Any]:
        """See `Node`."""
        del writes, asking
        self._asked.append(self._name)
        if commands != [("CLUSTER", "SLOTS")] or self.ranges is None:
            raise Unreachable("gone")
        return [self.ranges]


async def test_servers_are_asked_in_turns_who_has_what() -> None:
    """One that is gone, and one that has been reset, stand in nobody's way."""
    asked: list[str] = []
    of_b = [[0, SLOTS - 1, [b"b", 1], [b"c", 1]]]
    seed, reset, other = Told("seed", asked, of_b), Told("b", asked, []), Told("c", asked, of_b)
    scouts = {"b": reset, "c": other}
    cluster = Cluster(seed, node_at=lambda host, _: Told(f"at {host}", asked), scout_at=lambda host, _: scouts[host])

    async def tried() -> list[str]:
        asked.clear()
        with pytest.raises(Unavailable):
            await cluster.run("key", [("PING",)])
        return [*asked]

    assert await tried() == ["seed", "at b"]
    seed.ranges = None
    assert await tried() == ["seed", "b", "c", "at b"]
    assert await tried() == ["c", "at b"]
    other.ranges = None
    assert await tried() == ["c", "seed", "b"]


async def once_it_can(ask: Callable[Asked, Awaitable[Answer]], *values: Asked.args, **named: Asked.kwargs) -> Answer:
    """Return an answer as soon as there is one; the cluster may be in motion for a while."""
    ends = time.monotonic() + 60.0
    while True:
        try:
            return await ask(*values, **named)
        except Unavailable:
            assert time.monotonic() < ends, "the cluster is not followed"
            await asyncio.sleep(0.1)
