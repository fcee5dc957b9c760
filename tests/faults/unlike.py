"""Stores of unlike kinds as a chain has them, each with what can be done to it."""

import asyncio
import contextlib
import signal
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from observability.secret import Secret
from providers.mem0.settings import Mem0Settings
from providers.opensearch.settings import OpenSearchSettings
from providers.pinecone.settings import PineconeSettings
from providers.redis.settings import RedisSettings
from providers.replica import Replica
from tests.faults.lab import Database
from tests.support.faults import hanging
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0_oss import Mem0Process
from tests.support.native import host_for, open_native_provider
from tests.support.opensearch import OpenSearchServer
from tests.support.pinecone.running import DELAY, pinecone_at
from tests.support.pinecone.server import KEY, FakePinecone
from tests.support.redis import RedisServer
from tests.support.stream_proxy import Manner, StreamProxy

SLOW_SECONDS = 0.4  # by which every answer is late
PATIENT = 30.0  # seconds, for the last look

_SOCKET = ".s.PGSQL.5432"


class Store(ABC):
    """One store in a chain."""

    name: str

    @property
    @abstractmethod
    def variables(self) -> Mapping[str, str]:
        """The settings of its provider, by their names."""

    @abstractmethod
    def provider(self) -> AbstractAsyncContextManager[Replica]:
        """Open a provider past everything that is in between, which knows nothing yet."""


class Unlike(Store):
    """A store that is one; what is done to it is undone by `recover`."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop it where it stands: it takes connections and answers nothing."""

    @abstractmethod
    async def kill(self) -> None:
        """End it at once."""

    @abstractmethod
    async def slow(self) -> None:
        """Let every answer be late."""

    @abstractmethod
    async def garble(self) -> None:
        """Let it answer what nobody understands."""

    @abstractmethod
    async def pass_on(self) -> None:
        """Let everything through again."""

    @abstractmethod
    async def start_again(self) -> None:
        """Let it go on, or start it, if it was stopped or killed."""

    async def recover(self) -> None:
        """Let it be as before."""
        await self.pass_on()
        await self.start_again()


class Startable(Protocol):
    """A server of one process."""

    def start(self) -> None:
        """Start it, again if it was killed, and wait until it answers."""

    def kill(self) -> None:
        """Kill it."""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""


class OneProcess(Unlike):
    """A store of one process of ours."""

    def __init__(self, server: Startable) -> None:
        self._server = server
        self._gone = False

    async def stop(self) -> None:
        """See `Unlike`."""
        self._server.signal(signal.SIGSTOP)

    async def kill(self) -> None:
        """See `Unlike`."""
        self._gone = True
        await asyncio.to_thread(self._server.kill)

    async def start_again(self) -> None:
        """See `Unlike`."""
        if self._gone:
            await asyncio.to_thread(self._server.start)
            self._gone = False
        self._server.signal(signal.SIGCONT)


class OverHttp(Unlike):
    """A store behind a proxy that speaks HTTP."""

    def __init__(self, proxy: FickleHttp) -> None:
        self.proxy = proxy

    async def slow(self) -> None:
        """See `Unlike`."""
        await self.proxy.become(Behaviour.SLOW, delay=SLOW_SECONDS)

    async def garble(self) -> None:
        """See `Unlike`."""
        await self.proxy.become(Behaviour.GARBAGE)

    async def pass_on(self) -> None:
        """See `Unlike`."""
        await self.proxy.become(Behaviour.OK)


class OverStreams(Unlike):
    """A store behind a proxy that passes on whatever is said."""

    def __init__(self, proxy: StreamProxy) -> None:
        self.proxy = proxy

    async def slow(self) -> None:
        """See `Unlike`."""
        self.proxy.manner = Manner.SLOW

    async def garble(self) -> None:
        """See `Unlike`."""
        self.proxy.manner = Manner.GARBAGE

    async def pass_on(self) -> None:
        """See `Unlike`."""
        self.proxy.manner = Manner.PASSED


class UnlikeNative(OverStreams):
    """A PostgreSQL of its own."""

    name = "native"

    def __init__(self, proxy: StreamProxy, folder: Path, database: Database) -> None:
        super().__init__(proxy)
        self._folder, self._database = folder, database
        self._stopped = contextlib.ExitStack()
        self._gone = False

    @property
    def variables(self) -> Mapping[str, str]:
        """See `Unlike`."""
        server = str(self._database.server.folder)
        return {"KIND": "native", "DSN": self._database.dsn.replace(server, str(self._folder)), "POOL_SIZE": "5"}

    def provider(self) -> AbstractAsyncContextManager[Replica]:
        """See `Unlike`."""
        return open_native_provider(self._database.dsn)

    async def stop(self) -> None:
        """See `Unlike`."""
        self._stopped.enter_context(hanging(self._database.server))

    async def kill(self) -> None:
        """See `Unlike`."""
        self._gone = True
        await asyncio.to_thread(self._database.kill)

    async def start_again(self) -> None:
        """See `Unlike`."""
        self._stopped.close()
        if self._gone:
            await asyncio.to_thread(self._database.start)
            self._gone = False


class UnlikeRedis(OneProcess, OverStreams):
    """A Redis that writes everything to its disk."""

    name = "redis"

    def __init__(self, proxy: StreamProxy, path: Path, server: RedisServer) -> None:
        OneProcess.__init__(self, server)
        OverStreams.__init__(self, proxy)
        self._path, self._url = path, server.url

    @property
    def variables(self) -> Mapping[str, str]:
        """See `Unlike`."""
        return {"KIND": "redis", "URL": f"unix://{self._path}", "TIMEOUT": "3"}

    def provider(self) -> AbstractAsyncContextManager[Replica]:
        """See `Unlike`."""
        return RedisSettings(url=Secret(self._url), timeout=PATIENT).open(host_for())


class UnlikeOpenSearch(OneProcess, OverHttp):
    """An OpenSearch that keeps all in its memory: killed, it is another store afterwards, which is filled anew."""

    name = "opensearch"

    def __init__(self, proxy: FickleHttp, server: OpenSearchServer) -> None:
        OneProcess.__init__(self, server)
        OverHttp.__init__(self, proxy)
        self._url = server.url

    @property
    def variables(self) -> Mapping[str, str]:
        """See `Unlike`."""
        return {"KIND": "opensearch", "URL": self.proxy.base_url, "TIMEOUT": "3"}

    def provider(self) -> AbstractAsyncContextManager[Replica]:
        """See `Unlike`."""
        return OpenSearchSettings(url=Secret(self._url), timeout=PATIENT).open(host_for())


class UnlikeMem0(OverHttp):
    """A real mem0."""

    name = "mem0"

    def __init__(self, proxy: FickleHttp, process: Mem0Process) -> None:
        super().__init__(proxy)
        self._process = process
        self._gone = False

    @property
    def variables(self) -> Mapping[str, str]:
        """See `Unlike`."""
        return {"KIND": "mem0", "BASE_URL": self.proxy.base_url, "DIALECT": "oss", "TIMEOUT": "3"}

    def provider(self) -> AbstractAsyncContextManager[Replica]:
        """See `Unlike`."""
        return Mem0Settings(base_url=self._process.base_url, dialect="oss", timeout=PATIENT).open(host_for())

    async def stop(self) -> None:
        """See `Unlike`."""
        self._process.pause()

    async def kill(self) -> None:
        """See `Unlike`."""
        self._gone = True
        self._process.kill()

    async def start_again(self) -> None:
        """See `Unlike`."""
        if self._gone:
            await self._process.start()
            self._gone = False
        self._process.go_on()


class UnlikePinecone(OverHttp):
    """A fake Pinecone whose reads are behind; it is its own proxy, and has nothing that could be killed."""

    name = "pinecone"

    def __init__(self, fake: FakePinecone) -> None:
        super().__init__(fake)
        self._settings = pinecone_at(fake.base_url, staleness_seconds=1.0)

    @property
    def variables(self) -> Mapping[str, str]:
        """See `Unlike`."""
        settings = self._settings
        return {
            "KIND": "pinecone",
            "HOST": settings.host,
            "API_KEY": KEY,
            "PREFIX": settings.prefix,
            "STALENESS_SECONDS": str(settings.staleness_seconds),
            "TIMEOUT": "3",
        }

    def provider(self) -> AbstractAsyncContextManager[Replica]:
        """See `Unlike`."""
        settings: PineconeSettings = replace(self._settings, timeout=PATIENT)
        return settings.open(host_for())

    async def stop(self) -> None:
        """See `Unlike`."""
        await self.proxy.become(Behaviour.HANG)

    async def kill(self) -> None:
        """See `Unlike`."""
        await self.proxy.become(Behaviour.DOWN)

    async def start_again(self) -> None:
        """See `Unlike`."""


@asynccontextmanager
async def running_stores(names: tuple[str, ...], folder: Path, mem0_dsn: str) -> AsyncIterator[list[Unlike]]:
    """Yield stores of these names, in their order."""
    async with AsyncExitStack() as stack:
        yield [await _STARTING[name](stack, folder, mem0_dsn) for name in names]


async def _native(stack: AsyncExitStack, folder: Path, _mem0_dsn: str) -> Unlike:
    database = Database(folder / "postgres")
    await asyncio.to_thread(database.start)
    stack.callback(database.stop)
    proxied = folder / "before"
    proxy = StreamProxy(proxied / _SOCKET, Path(database.server.folder) / _SOCKET, SLOW_SECONDS / 4)
    return UnlikeNative(await stack.enter_async_context(proxy), proxied, database)


async def _redis(stack: AsyncExitStack, folder: Path, _mem0_dsn: str) -> Unlike:
    own = folder / "redis"
    own.mkdir()
    server = RedisServer(own)
    await asyncio.to_thread(server.start)
    stack.callback(server.kill)
    path = folder / "redis.socket"
    proxy = await stack.enter_async_context(StreamProxy(path, own / "socket", SLOW_SECONDS))
    return UnlikeRedis(proxy, path, server)


async def _opensearch(stack: AsyncExitStack, _folder: Path, _mem0_dsn: str) -> Unlike:
    server = OpenSearchServer()
    await asyncio.to_thread(server.start)
    stack.callback(server.kill)
    return UnlikeOpenSearch(await stack.enter_async_context(FickleHttp(server.url)), server)


async def _mem0(stack: AsyncExitStack, _folder: Path, mem0_dsn: str) -> Unlike:
    process = await stack.enter_async_context(Mem0Process(mem0_dsn))
    return UnlikeMem0(await stack.enter_async_context(FickleHttp(process.base_url)), process)


async def _pinecone(stack: AsyncExitStack, _folder: Path, _mem0_dsn: str) -> Unlike:
    return UnlikePinecone(await stack.enter_async_context(FakePinecone(delay=DELAY)))


_STARTING = {"native": _native, "redis": _redis, "opensearch": _opensearch, "mem0": _mem0, "pinecone": _pinecone}
