"""Counts that several hosts keep in a Redis: each writes its own, whole numbers that replace the former ones."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from observability.secret import Secret
from providers.redis.acknowledging import Command
from providers.redis.runner import CommandRunner
from providers.redis.server_check import Demands

_AT_ONCE = 1_000  # names in one command, which takes the server about a millisecond
_PREFIX = "ninai:usage"
_HOSTS = f"{_PREFIX}:hosts"
_SECONDS = 2.0  # for one trip

T = TypeVar("T")


class SharedCounts:
    """Keep the counts of hosts by `kind` and name; what is written twice is the same as once.

    Every method raises `ProviderError` if the server does not answer, or refuses.
    """

    def __init__(self, node: CommandRunner) -> None:
        self._node = node

    async def knows(self, host: str) -> bool:
        """Return whether a host has written what it is."""
        [found] = await self._node.run([("HEXISTS", _HOSTS, host)])
        return bool(found)

    async def hosts(self) -> dict[str, bytes]:
        """Return what each host has written of itself."""
        [found] = await self._node.run([("HGETALL", _HOSTS)])
        return {host.decode(): about for host, about in _pairs(found)}

    async def introduce(self, host: str, about: str) -> None:
        """Write what a host is; from now on it is one of `hosts`."""
        await self._node.run([("HSET", _HOSTS, host, about)], writes=True)

    async def put(self, host: str, kind: str, counts: Mapping[str, str]) -> None:
        """Replace the counts of these names."""
        for some in _parts([*counts.items()]):
            command: Command = ("HSET", _key(host, kind), *(part for pair in some for part in pair))
            await self._node.run([command], writes=True)

    async def drop(self, host: str, kind: str, names: Sequence[str]) -> None:
        """Forget the counts of these names."""
        for some in _parts(names):
            await self._node.run([("HDEL", _key(host, kind), *some)], writes=True)

    async def clear(self, host: str, kinds: Sequence[str]) -> None:
        """Forget all counts of a host."""
        await self._node.run([("UNLINK", *(_key(host, kind) for kind in kinds))], writes=True)

    async def all(self, host: str, kind: str) -> dict[str, bytes]:
        """Return the counts of all names of a host."""
        [found] = await self._node.run([("HGETALL", _key(host, kind))])
        return {name.decode(): count for name, count in _pairs(found)}

    async def some(self, host: str, kind: str, names: Sequence[str]) -> dict[str, bytes]:
        """Return the counts of those of these names that a host has."""
        if not names:
            return {}
        [found] = await self._node.run([("HMGET", _key(host, kind), *names)])
        return {name: count for name, count in zip(names, found, strict=True) if count is not None}


@asynccontextmanager
async def open_shared_counts(url: Secret) -> AsyncIterator[SharedCounts]:
    """Hold shared counts for as long as the context lasts; the server need not be up yet."""
    # Every service imports this file, and few share anything: the library is an extra, and takes long to load.
    from providers.redis.node import Connecting, Node, maker_of

    connecting = Connecting(connections=1, timeout=_SECONDS, connect_timeout=_SECONDS, demands=Demands(may_lose=True))
    node = Node(maker_of(url.reveal()), connecting)
    try:
        yield SharedCounts(node)
    finally:
        await node.close()


def _key(host: str, kind: str) -> str:
    return f"{_PREFIX}:{host}:{kind}"


def _pairs(found: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(found[::2], found[1::2], strict=True))


def _parts(whole: Sequence[T]) -> list[Sequence[T]]:
    return [whole[begin : begin + _AT_ONCE] for begin in range(0, len(whole), _AT_ONCE)]
