"""The patrol: it counts connections, and ends those that one peer has beyond its share."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import structlog

from app.connections.bounds import ADMIN_CONNECTIONS_PER_PEER, share
from app.connections.sockets import Connection, Sockets
from app.settings import Settings
from observability.http import Scope
from observability.metrics import Metrics
from providers import background

SECONDS = 1.0  # between two rounds
# How many times `answer_timeout` a connection may stand still: who reads at the slowest pace that is allowed lets the
# sender go on in steps, each when a sixteenth of its buffer is free again.
STANDSTILL = 2

_log = structlog.get_logger(__name__)


class Patrol:
    """Bounds the connections of a peer, and ends one that somebody else has judged.

    The server takes a connection as soon as it comes, so that a peer can have more than its share until the next round.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        server, admin = settings.server, settings.admin
        self._shares: Mapping[int, int] = {server.port: share(server.connections_per_peer, server.workers)}
        if admin.port is not None:
            self._shares = {**self._shares, admin.port: min(server.connections_per_peer, ADMIN_CONNECTIONS_PER_PEER)}
        self._sockets = Sockets(self._shares, server.answer_timeout * STANDSTILL)
        self._looking = asyncio.Lock()
        self._metrics = metrics

    async def go_round(self) -> None:
        """Count, and end the newest connections of whoever has too many."""
        async with self._looking:
            # In a thread: ten thousand connections take some 20 ms.
            counted, surplus = await asyncio.to_thread(self._look)
        self._metrics.connections.set(counted)
        for peer, number in surplus.items():
            self._metrics.connections_cut.labels("peer").inc(number)
            _log.warning("connections_cut", reason="peer", peer=peer, number=number)

    async def cut(self, scope: Scope) -> None:
        """End the connection of a client that reads its answer too slowly, whose request had this scope."""
        async with self._looking:
            number = await asyncio.to_thread(self._cut_one, scope.get("client"))
        if number:
            self._metrics.connections_cut.labels("slow").inc(number)
            _log.warning("connections_cut", reason="slow", peer=str(scope["client"][0]), number=number)

    def _look(self) -> tuple[int, Counter[str]]:
        held: Counter[tuple[int, str]] = Counter()
        surplus: Counter[str] = Counter()
        connections = self._sockets.look()
        for one in connections:
            key = (one.port, one.peer)
            held[key] += 1
            if held[key] > self._shares[one.port]:
                surplus[one.peer] += self._sockets.cut(one)
        return len(connections), +surplus

    def _cut_one(self, client: tuple[str, str | int] | None) -> int:
        if client is None:
            return 0
        wanted = (client[0], int(client[1]))
        found: list[Connection] = [one for one in self._sockets.look() if one.client == wanted]
        return sum(self._sockets.cut(one) for one in found)


@asynccontextmanager
async def patrolled(patrol: Patrol) -> AsyncIterator[None]:
    """Have a patrol go its rounds for as long as the context lasts."""
    task = background.start(lambda: _go_on(patrol), "patrol")
    try:
        yield
    finally:
        await background.stop(task)


async def _go_on(patrol: Patrol) -> None:
    while True:
        await patrol.go_round()
        await asyncio.sleep(SECONDS)
