"""A Redis Cluster: which of its servers keeps which keys, learnt from any of them and whenever one sends us on."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis import exceptions
from redis.crc import key_slot

from providers.errors import ASK_AGAIN, Unavailable, Unreachable
from providers.redis.acknowledging import Command
from providers.redis.node import Node
from providers.redis.servers import Servers

_MOST_SENT_ON = 5  # times that one call is sent on before the cluster counts as in motion

Address = tuple[str, int]


class Cluster(Servers):
    """Run commands on the primary of their slot.

    What is sent on was not done, so that it is done elsewhere; nothing else is tried again. `seed` is asked for the
    others, and `node_at` makes one at an address, where an empty host stands for that of the seed.
    """

    def __init__(self, seed: Node, node_at: Callable[[str, int], Node]) -> None:
        self._seed, self._node_at = seed, node_at
        self._nodes: dict[Address, Node] = {}
        self._slots: dict[int, Address] = {}
        self._learning = asyncio.Lock()

    async def run(self, key: str, commands: Sequence[Command], *, writes: bool = False) -> list[Any]:
        """See `Servers`."""
        slot = key_slot(key.encode())
        at, asking = await self._address_of(slot), False
        for _ in range(_MOST_SENT_ON):
            try:
                return await self._node(at).run(commands, writes=writes, asking=asking)
            except exceptions.MovedError as moved:
                at, asking = (moved.host, moved.port), False
                self._slots[slot] = at
            except exceptions.AskError as ask:
                at, asking = (ask.host, ask.port), True
            except Unreachable:
                self._slots.clear()  # another one may have taken its place
                raise
        raise Unavailable("the cluster keeps sending us from one server to another", retry_after=ASK_AGAIN)

    async def infos(self) -> list[dict[str, str]]:
        """See `Servers`."""
        await self._learn()
        return [await self._node(at).ping() for at in sorted(set(self._slots.values()))]

    async def close(self) -> None:
        """See `Servers`."""
        for node in (self._seed, *self._nodes.values()):
            await node.close()

    def _node(self, at: Address) -> Node:
        if at not in self._nodes:
            self._nodes[at] = self._node_at(*at)
        return self._nodes[at]

    async def _address_of(self, slot: int) -> Address:
        async with self._learning:
            if slot not in self._slots:
                await self._learn()
        if slot not in self._slots:
            raise Unavailable(f"no server of the cluster has slot {slot}", retry_after=ASK_AGAIN)
        return self._slots[slot]

    async def _learn(self) -> None:
        """Ask who has which slots: a range is its first and last slot, its primary, and its replicas."""
        [ranges] = await self._seed.run([("CLUSTER", "SLOTS")])
        learnt: dict[int, Address] = {}
        for first, last, primary, *_ in ranges:
            at = ((primary[0] or b"").decode(), int(primary[1]))
            learnt.update(dict.fromkeys(range(first, last + 1), at))
        self._slots = learnt
