"""A Redis Cluster: which of its servers keeps which keys, learnt from any of them and whenever one sends us on."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from redis import exceptions
from redis.crc import key_slot

from providers.errors import ASK_AGAIN, Unavailable
from providers.redis.acknowledging import Command
from providers.redis.node import Node
from providers.redis.servers import Servers

_MOST_SENT_ON = 5  # times that one call is sent on before the cluster counts as in motion

Address = tuple[str, int]


class Cluster(Servers):
    """Run commands on the primary of their slot.

    What is sent on was not done, so that it is done elsewhere; nothing else is tried again. `seed` is asked first who
    the others are, and `node_at` makes one at an address, where an empty host stands for that of the seed;
    `scout_at` makes one that need not be a primary, as `seed` is.
    """

    def __init__(self, seed: Node, node_at: Callable[[str, int], Node], scout_at: Callable[[str, int], Node]) -> None:
        self._node_at, self._scout_at = node_at, scout_at
        self._nodes: dict[Address, Node] = {}
        self._scouts: dict[Address | None, Node] = {None: seed}
        self._asked: list[Address | None] = [None]  # whoever answered last is asked first
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
            except BaseException:
                self._forget(at)  # another one may have taken its place, whatever it says, and if it says nothing
                raise
        raise Unavailable("the cluster keeps sending us from one server to another", retry_after=ASK_AGAIN)

    async def infos(self) -> list[dict[str, str]]:
        """See `Servers`."""
        async with self._learning:
            await self._learn()
        return [await self._node(at).ping() for at in sorted(set(self._slots.values()))]

    async def close(self) -> None:
        """See `Servers`."""
        for node in chain(self._scouts.values(), self._nodes.values()):
            await node.close()

    def _node(self, at: Address) -> Node:
        if at not in self._nodes:
            self._nodes[at] = self._node_at(*at)
        return self._nodes[at]

    def _forget(self, at: Address) -> None:
        self._slots = {slot: address for slot, address in self._slots.items() if address != at}

    async def _address_of(self, slot: int) -> Address:
        async with self._learning:
            if slot not in self._slots:
                await self._learn()
            if slot not in self._slots:
                raise Unavailable(f"no server of the cluster has slot {slot}", retry_after=ASK_AGAIN)
            return self._slots[slot]

    async def _learn(self) -> None:
        """Ask one after the other who has which slots.

        Raises:
            Unavailable: none of them knows.
        """
        failure = Unavailable("no server of the cluster knows of its slots", retry_after=ASK_AGAIN)
        for at in [*self._asked]:
            # Next time another one comes first, also for whoever comes after this one was waited for too long.
            self._asked.append(self._asked.pop(0))
            try:
                [ranges] = await self._scouts[at].run([("CLUSTER", "SLOTS")])
            except Unavailable as error:
                failure = error
                continue
            if ranges:  # a server that has been reset knows of none
                self._asked.insert(0, self._asked.pop())
                await self._take(ranges)
                return
        raise failure

    async def _take(self, ranges: Sequence[Any]) -> None:
        """Note who has which slots: a range is its first and last slot, its primary, and its replicas."""
        learnt: dict[int, Address] = {}
        scouts: dict[Address | None, Node] = {None: self._scouts[None]}
        for first, last, *servers in ranges:
            addresses = [((host or b"").decode(), int(port)) for host, port, *_ in servers]
            learnt.update(dict.fromkeys(range(first, last + 1), addresses[0]))
            scouts |= {at: self._scouts.get(at) or self._scout_at(*at) for at in addresses if at not in scouts}
        gone = [node for at, node in self._scouts.items() if at not in scouts]
        self._asked = [at for at in self._asked if at in scouts]
        self._asked += [at for at in scouts if at not in self._asked]
        self._slots, self._scouts = learnt, scouts
        for node in gone:
            await node.close()
