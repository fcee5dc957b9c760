"""A real Redis Cluster for the tests: three primaries, each with a replica, and what happens to such clusters."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from redis.exceptions import RedisError

from tests.support.redis import RedisServer, free_port, running_redis

SLOTS = 16_384
SHARDS = 3
HOST = "127.0.0.1"

_WITHIN = 120.0  # seconds, on a busy machine
_MIGRATED_WITHIN_MS = 10_000

# A primary that does not answer for so many milliseconds is replaced.
_OPTIONS = {"cluster-enabled": "yes", "cluster-node-timeout": "3000", "repl-diskless-sync-delay": "0"}


class RedisCluster:
    """Six servers; which of them are primaries changes with what is done to them."""

    def __init__(self, servers: list[RedisServer]) -> None:
        self.servers = servers
        self._dead: list[RedisServer] = []

    def join(self) -> None:
        """Make one cluster of servers that know nothing of each other."""
        for number, server in enumerate(self.servers):
            server.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            server.command("CLUSTER", "MEET", HOST, self.servers[0].port)
        for shard, server in enumerate(self.servers[:SHARDS]):
            server.command("CLUSTER", "ADDSLOTSRANGE", *_range_of(shard))
        _wait_until(lambda: all(len(self._names(server)) == len(self.servers) for server in self.servers))
        for shard, server in enumerate(self.servers[SHARDS:]):
            server.command("CLUSTER", "REPLICATE", _name(self.servers[shard]))
        self.wait_until_whole()

    @property
    def primaries(self) -> list[RedisServer]:
        """Those that live and are primaries, in the order of the servers."""
        return [server for server in self._living if _role(server) == "master"]

    def replica_of(self, primary: RedisServer) -> RedisServer:
        """Return the replica of a primary."""
        return next(server for server in self._living if server.command("ROLE")[2:3] == [primary.port])

    def kill(self, server: RedisServer) -> None:
        """Kill a server as a power cut would."""
        server.kill()
        self._dead.append(server)

    def fall(self, primary: RedisServer) -> None:
        """Kill a primary, and wait until its replica has taken its place."""
        replica = self.replica_of(primary)
        self.kill(primary)
        _wait_until(lambda: _role(replica) == "master")

    def fail_over(self, primary: RedisServer) -> None:
        """Let the replica of a primary change places with it, as an operator would."""
        replica = self.replica_of(primary)
        replica.command("CLUSTER", "FAILOVER")
        _wait_until(lambda: _role(replica) == "master")

    def move_slot(self, slot: int) -> int:
        """Move a slot with its keys from the primary that has it to another one; return how many keys it had."""
        source = self.having(slot)
        target = next(server for server in self.primaries if server is not source)
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", _name(source))
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", _name(target))
        moved = 0
        while keys := source.command("CLUSTER", "GETKEYSINSLOT", slot, 10):
            source.command("MIGRATE", HOST, target.port, "", 0, _MIGRATED_WITHIN_MS, "KEYS", *keys)
            moved += len(keys)
        for server in (target, source):
            server.command("CLUSTER", "SETSLOT", slot, "NODE", _name(target))
        return moved

    def having(self, slot: int) -> RedisServer:
        """Return the primary that has a slot."""
        for first, last, (_, port, *_), *_ in self._living[0].command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(server for server in self.servers if server.port == port)
        raise AssertionError(f"nobody has slot {slot}")

    def recover(self) -> None:
        """Start again whoever was killed, and wait until everybody has what its primary has."""
        while self._dead:
            self._dead.pop().start()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Wait until everybody agrees that all is well, and every replica has all that its primary has."""
        _wait_until(self._is_whole)

    @property
    def _living(self) -> list[RedisServer]:
        return [server for server in self.servers if server not in self._dead]

    def _is_whole(self) -> bool:
        told = [_info(server) for server in self.servers]
        followed = [one for one in told if one["role"] == "master" and _is_followed(one)]
        agreeing = {str(sorted(map(str, server.command("CLUSTER", "SLOTS")))) for server in self.servers}
        states = [server.command("CLUSTER", "INFO") for server in self.servers]
        return len(followed) == SHARDS and len(agreeing) == 1 and all(b"cluster_state:ok" in state for state in states)

    def _names(self, server: RedisServer) -> list[Any]:
        return [line for line in server.command("CLUSTER", "NODES").splitlines() if b"handshake" not in line]


@contextlib.contextmanager
def running_cluster() -> Iterator[RedisCluster]:
    """Yield a cluster, gone afterwards."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running_redis(_OPTIONS, free_port())) for _ in range(2 * SHARDS)]
        cluster = RedisCluster(servers)
        cluster.join()
        yield cluster


def _range_of(shard: int) -> tuple[int, int]:
    return shard * SLOTS // SHARDS, (shard + 1) * SLOTS // SHARDS - 1


def _name(server: RedisServer) -> str:
    return str(server.command("CLUSTER", "MYID").decode())


def _role(server: RedisServer) -> str:
    return str(server.command("ROLE")[0].decode())


def _info(server: RedisServer) -> dict[str, Any]:
    found = server.command("INFO", "replication")
    return dict(found) if isinstance(found, dict) else {}


def _is_followed(primary: dict[str, Any]) -> bool:
    """Return whether the replica of a primary has all that it has."""
    replica = primary.get("slave0", {})
    return replica.get("state") == "online" and int(replica.get("offset", -1)) >= int(primary["master_repl_offset"])


def _wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + _WITHIN
    while not _holds(condition):
        assert time.monotonic() < ends, "the cluster does not settle"
        time.sleep(0.05)


def _holds(condition: Callable[[], bool]) -> bool:
    with contextlib.suppress(RedisError):  # as a server that loads its data
        return condition()
    return False
