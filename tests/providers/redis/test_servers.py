"""Which servers are refused, and what a server's refusals and silences mean."""

import asyncio
import time
from typing import Any

import pytest

from observability.secret import Secret
from providers.errors import Misconfigured, ProviderError, TimedOut, Unavailable, Unreachable
from providers.redis.node import Connecting, Node, maker_of
from providers.redis.server_check import Demands, check_server
from tests.support.native import host_for
from tests.support.redis import RedisServer, running_redis

CONNECTING = Connecting(connections=1, timeout=60.0, connect_timeout=60.0, demands=Demands(may_lose=False))
FIT = {"redis_version": "7.2.4", "role": "master", "maxmemory_policy": "noeviction", "aof_enabled": "1"}


async def refusal(server: RedisServer, **settings: Any) -> ProviderError:  # noqa: ANN401 - whatever the settings take
    """Return why a memory is not stored."""
    async with server.settings(**settings).open(host_for()) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.remember("ann", "tea")
        return caught.value


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "set noeviction"),
        ({"aof_enabled": "0"}, "set appendonly yes"),
        ({"redis_version": "7.0.15"}, "too old"),
        ({"redis_version": ""}, "too old"),
    ],
)
def test_a_server_that_would_lose_memories_is_refused(told: dict[str, str], refused: str) -> None:
    """And the refusal says what to set."""
    check_server(FIT, Demands(may_lose=False))

    with pytest.raises(Misconfigured, match=refused):
        check_server(FIT | told, Demands(may_lose=False))


def test_a_server_may_lose_memories_if_it_is_told_so() -> None:
    """But a replica is refused all the same: it may lack what was acknowledged."""
    forgetful = FIT | {"maxmemory_policy": "allkeys-lru", "aof_enabled": "0"}
    check_server(forgetful, Demands(may_lose=True))

    with pytest.raises(Unavailable, match="replica"):
        check_server(forgetful | {"role": "slave"}, Demands(may_lose=True))


async def test_a_server_without_a_journal_of_its_own_is_refused_until_it_is_told() -> None:
    """With `may_lose` it stores, as soon as nobody asks for its disk."""
    with running_redis({"appendonly": "no"}) as server:
        assert isinstance(await refusal(server), Misconfigured)
        assert isinstance(await refusal(server, may_lose=True), Misconfigured)
        async with server.settings(may_lose=True, acknowledge="memory").open(host_for()) as provider:
            memory_id = await provider.remember("ann", "tea")
            assert (await provider.get("ann", memory_id)).content == "tea"


async def test_a_full_server_has_not_stored(redis_server: RedisServer) -> None:
    """Without memory it refuses, for certain; what is there is read."""
    async with redis_server.settings().open(host_for()) as provider:
        memory_id = await provider.remember("ann", "tea")
        redis_server.command("CONFIG", "SET", "maxmemory", 1)
        try:
            with pytest.raises(Unavailable, match="OOM") as full:
                await provider.remember("ann", "coffee")
            assert [memory.id for memory in await provider.list_memories("ann")] == [memory_id]
            assert [hit.id for hit in await provider.recall("ann", "tea")] == [memory_id]
        finally:
            redis_server.command("CONFIG", "SET", "maxmemory", 0)
    assert not full.value.ambiguous


async def test_a_write_that_no_replica_confirms_is_unknown(redis_server: RedisServer) -> None:
    """It may have happened, and its repetition is not acknowledged either."""
    async with redis_server.settings(acknowledge="memory", replicas=1, timeout=0.3).open(host_for()) as provider:
        for _ in range(2):
            with pytest.raises(Unavailable) as unknown:
                await provider.remember("ann", "tea", memory_id="01890a5d-ac96-774b-bcce-b302099a8057")
            assert unknown.value.ambiguous


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    """Nothing was sent, so that nothing has happened."""
    with running_redis() as server:
        settings = server.settings()
    async with settings.open(host_for()) as provider:
        with pytest.raises(Unreachable) as gone:
            await provider.remember("ann", "tea")
        assert not (await provider.health_check()).healthy
    assert not gone.value.ambiguous


async def test_another_server_and_a_wrong_password_are_told_apart(redis_server: RedisServer) -> None:
    """Both need an operator; the password is not told."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        url = f"redis://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        wrong = await refusal(redis_server, url=Secret(url))
    refused = await refusal(redis_server, url=Secret(f"{redis_server.url}?password=canary"))

    assert isinstance(wrong, Misconfigured)
    assert "no Redis" in str(wrong)
    assert isinstance(refused, Misconfigured)
    assert "canary" not in str(refused)


@pytest.mark.thorough
async def test_a_server_that_hangs_is_given_up_in_time() -> None:
    """After that the provider is as usable as before."""
    with running_redis({"enable-debug-command": "yes"}) as server:
        async with server.settings(timeout=0.5).open(host_for()) as provider:
            await provider.remember("ann", "tea")
            hanging = asyncio.create_task(asyncio.to_thread(server.command, "DEBUG", "SLEEP", 2))
            await asyncio.sleep(0.2)
            with pytest.raises(TimedOut):
                await provider.list_memories("ann")
            await hanging
            assert len(await provider.list_memories("ann")) == 1


async def test_a_connection_in_use_is_closed_once_nobody_uses_it(redis_server: RedisServer) -> None:
    """Whoever closes does not wait for a call, and the call leaves nothing open."""

    async def until_connected(wanted: bool) -> None:  # noqa: FBT001 - what is wanted
        ends = time.monotonic() + 60.0
        while ("cmd=blpop" in str(redis_server.command("CLIENT", "LIST"))) is not wanted:
            assert time.monotonic() < ends, "nothing changes"
            await asyncio.sleep(0.01)

    node = Node(maker_of(redis_server.url), CONNECTING)
    waiting = asyncio.create_task(node.run([("BLPOP", "a list", 0)]))
    await until_connected(True)
    await node.close()
    redis_server.command("LPUSH", "a list", "something")
    await waiting

    await until_connected(False)
