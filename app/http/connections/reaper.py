"""The reaper: it counts connections, and ends those of a peer beyond its share and those that make no progress."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import structlog

from app.http.connections.limits import ADMIN_CONNECTIONS_PER_PEER, share
from app.http.connections.sockets import ClientConnection, ClientSockets
from app.settings import Settings
from observability.http import Scope
from observability.metrics import Metrics
from providers import background

SECONDS = 1.0  # between two rounds
_log = structlog.get_logger(__name__)


class ConnectionReaper:
    """Bound the connections of a peer, and end those over which nothing that was sent is acknowledged.

    The server accepts a connection as soon as it comes, so a peer can exceed its share until the next round.
    Without progress the kernel would go on for a quarter of an hour, if the client has vanished, or for ever, if it
    does not read; its own limit (`TCP_USER_TIMEOUT`) also ends what is read slowly but steadily.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        server, admin = settings.server, settings.admin
        self._shares = {server.port: share(server.connections_per_peer, server.workers)}
        if admin.port is not None:
            self._shares[admin.port] = min(server.connections_per_peer, ADMIN_CONNECTIONS_PER_PEER)
        self._sockets = ClientSockets(self._shares)
        self._patience = server.answer_timeout / SECONDS  # in rounds
        self._round = 0
        # For each connection with unacknowledged bytes: how many were acknowledged, and since which round no more.
        self._progress: dict[int, tuple[int, int]] = {}
        self._looking, self._metrics = asyncio.Lock(), metrics

    async def run_once(self) -> None:
        """Count connections; end those without progress, and the newest ones of a peer that has too many."""
        async with self._looking:
            # In a thread: ten thousand connections take some 20 ms.
            counted, ended = await asyncio.to_thread(self._inspect)
        self._metrics.connections.set(counted)
        for (reason, peer), number in ended.items():
            self._report(reason, peer, number)

    async def cut(self, scope: Scope) -> None:
        """End the connection of a client that reads its answer too slowly; `scope` is that of its request."""
        async with self._looking:
            number = await asyncio.to_thread(self._cut_one, scope.get("client"))
        if number:
            self._report("slow", str(scope["client"][0]), number)

    def _report(self, reason: str, peer: str, number: int) -> None:
        self._metrics.connections_cut.labels(reason).inc(number)
        _log.warning("connections_cut", reason=reason, peer=peer, number=number)

    def _inspect(self) -> tuple[int, Counter[tuple[str, str]]]:
        held: Counter[tuple[int, str]] = Counter()
        ended: Counter[tuple[str, str]] = Counter()
        connections = self._sockets.connections()
        self._round += 1
        self._progress = dict(self._on_their_way(connections))
        for one in connections:
            key = (one.port, one.peer)
            held[key] += 1
            if held[key] > self._shares[one.port]:
                ended["peer", one.peer] += self._sockets.cut(one)
            elif self._is_stalled(one):
                ended["slow", one.peer] += self._sockets.cut(one)
        return len(connections), +ended

    def _on_their_way(self, connections: Iterable[ClientConnection]) -> Iterator[tuple[int, tuple[int, int]]]:
        for one in connections:
            acknowledged = self._sockets.acknowledged(one)
            if acknowledged is not None:
                before, since = self._progress.get(one.inode, (-1, 0))
                yield one.inode, (acknowledged, since if before == acknowledged else self._round)

    def _is_stalled(self, connection: ClientConnection) -> bool:
        # Counted in rounds, so that the time in which this process was stopped does not count.
        since = self._progress.get(connection.inode, (0, self._round))[1]
        return self._round - since > self._patience

    def _cut_one(self, client: tuple[str, str | int] | None) -> int:
        if client is None:
            return 0
        wanted = (client[0], int(client[1]))
        return sum(self._sockets.cut(one) for one in self._sockets.connections() if one.client == wanted)


@asynccontextmanager
async def reaping(reaper: ConnectionReaper) -> AsyncIterator[None]:
    """Run the reaper every `SECONDS` for as long as the context lasts."""
    async with background.running(background.start(lambda: _run(reaper), "patrol")):
        yield


async def _run(reaper: ConnectionReaper) -> None:
    while True:
        await reaper.run_once()
        await asyncio.sleep(SECONDS)
