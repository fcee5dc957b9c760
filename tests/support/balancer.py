"""A load balancer: each new connection goes to a backend that says it is ready, the established ones stay."""

import asyncio
import itertools
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx

from tests.support.fickle_http import HOST

CHECK_SECONDS = 0.1  # between two questions for readiness
_CHUNK = 65_536


class Balancer:
    """Listens on `url` for as long as the context lasts; `backends` are the ports by name, all on the loopback."""

    def __init__(self, backends: Mapping[str, int]) -> None:
        self.ready: set[str] = set()
        self.url = ""
        self._backends = backends
        self._turns = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        async with httpx.AsyncClient(trust_env=False) as client:
            for name in self._backends:
                await self._check(client, name)
        self._tasks.add(asyncio.create_task(self._check_all()))
        self._server = await asyncio.start_server(self._connected, HOST, 0)
        self.url = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def is_ready(self, name: str) -> bool:
        """Return whether new connections go to a backend."""
        return name in self.ready

    async def _check_all(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                await asyncio.sleep(CHECK_SECONDS)
                for name in self._backends:
                    await self._check(client, name)

    async def _check(self, client: httpx.AsyncClient, name: str) -> None:
        status = None
        with suppress(httpx.TransportError):
            status = (await client.get(f"http://{HOST}:{self._backends[name]}/readyz", timeout=2)).status_code
        if status == httpx.codes.OK:
            self.ready.add(name)
        else:
            self.ready.discard(name)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        able = sorted(self.ready)
        if not able:
            writer.close()
            return
        port = self._backends[able[next(self._turns) % len(able)]]
        try:
            there, back = await asyncio.open_connection(HOST, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copied(reader, back), _copied(there, writer))


async def _copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
    target.close()
