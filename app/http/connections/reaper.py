"""The patrol: it counts connections, and ends those that one peer has beyond its share or that stand still."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

import structlog

from app.http.connections.limits import ADMIN_CONNECTIONS_PER_PEER, share
from app.http.connections.sockets import Connection, Sockets
from app.settings import Settings
from observability.http import Scope
from observability.metrics import Metrics
from providers import background

SECONDS = 1.0  # between two rounds

_log = structlog.get_logger(__name__)


class Patrol:
    """Bounds the connections of a peer, and ends those over which nothing comes across of what was sent.

    The server takes a connection as soon as it comes, so that a peer can have more than its share until the next round.
    With what stands still the kernel would go on for a quarter of an hour, if the client has gone without a word, or
    for ever, if it does not read; its own limit (`TCP_USER_TIMEOUT`) also ends what is read slowly but steadily.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        server, admin = settings.server, settings.admin
        self._shares: Mapping[int, int] = {server.port: share(server.connections_per_peer, server.workers)}
        if admin.port is not None:
            self._shares = {**self._shares, admin.port: min(server.connections_per_peer, ADMIN_CONNECTIONS_PER_PEER)}
        self._sockets = Sockets(self._shares)
        self._patience = server.answer_timeout / SECONDS  # in rounds
        self._round = 0
        # What was acknowledged of those over which something is on its way, and since which round no more than that.
        self._standing: dict[int, tuple[int, int]] = {}
        self._looking = asyncio.Lock()
        self._metrics = metrics

    async def go_round(self) -> None:
        """Count, and end what stands still, and the newest connections of whoever has too many."""
        async with self._looking:
            # In a thread: ten thousand connections take some 20 ms.
            counted, ended = await asyncio.to_thread(self._look)
        self._metrics.connections.set(counted)
        for (reason, peer), number in ended.items():
            self._metrics.connections_cut.labels(reason).inc(number)
            _log.warning("connections_cut", reason=reason, peer=peer, number=number)

    async def cut(self, scope: Scope) -> None:
        """End the connection of a client that reads its answer too slowly, whose request had this scope."""
        async with self._looking:
            number = await asyncio.to_thread(self._cut_one, scope.get("client"))
        if number:
            self._metrics.connections_cut.labels("slow").inc(number)
            _log.warning("connections_cut", reason="slow", peer=str(scope["client"][0]), number=number)

    def _look(self) -> tuple[int, Counter[tuple[str, str]]]:
        held: Counter[tuple[int, str]] = Counter()
        ended: Counter[tuple[str, str]] = Counter()
        connections = self._sockets.look()
        self._round += 1
        self._standing = dict(self._on_their_way(connections))
        for one in connections:
            key = (one.port, one.peer)
            held[key] += 1
            if held[key] > self._shares[one.port]:
                ended["peer", one.peer] += self._sockets.cut(one)
            elif self._stands_still(one):
                ended["slow", one.peer] += self._sockets.cut(one)
        return len(connections), +ended

    def _on_their_way(self, connections: Iterable[Connection]) -> Iterator[tuple[int, tuple[int, int]]]:
        for one in connections:
            acknowledged = self._sockets.acknowledged(one)
            if acknowledged is not None:
                before, since = self._standing.get(one.inode, (-1, 0))
                yield one.inode, (acknowledged, since if before == acknowledged else self._round)

    def _stands_still(self, connection: Connection) -> bool:
        # Counted in rounds, so that the time in which this process was stopped is nobody's.
        since = self._standing.get(connection.inode, (0, self._round))[1]
        return self._round - since > self._patience

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
