"""Hundreds of writes and reads to a server that hangs, resets, refuses and answers in part: none is lost or doubled."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.errors import MemoryDeleted, MemoryNotFound, Unavailable
from providers.owners import Owner
from providers.positions import Position
from providers.replica import Replica
from providers.types import MemoryRecord, PageQuery
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer

Answer = TypeVar("Answer")

ALL_OF_ANN = PageQuery(owner=Owner("ann"), limit=1_000)
CLIENTS, OPERATIONS = 4, 80
SLOWEST = 0.15  # seconds; what hangs is given up then
PATIENT = 30.0  # seconds, for the last look
FAULTS = (
    (Behaviour.OK, 200),
    (Behaviour.HANG, 200),
    (Behaviour.STORE_THEN_HANG, 200),
    (Behaviour.TRUNCATED, 200),
    (Behaviour.RESET, 200),
    (Behaviour.GARBAGE, 200),
    (Behaviour.STATUS, 429),
    (Behaviour.STATUS, 503),
)


async def everything(provider: Replica) -> list[MemoryRecord]:
    """Return all memories of the user, page by page."""
    memories: list[MemoryRecord] = []
    after: Position | None = None
    while page := (await provider.page(replace(ALL_OF_ANN, after=after))).memories:
        memories += page
        after = page[-1].position
    return memories


class Client:
    """One who writes and deletes memories again and again until it is told, and knows what must be there."""

    def __init__(self, provider: Replica, number: int) -> None:
        self._provider = provider
        self._draw = random.Random(number)  # noqa: S311 - the same again for the same seed
        self.expected: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.failures = 0

    async def run(self) -> None:
        """Do all operations, and check each read against what was acknowledged."""
        for number in range(OPERATIONS):
            kind = self._draw.random()
            if kind < 0.5 or not self.expected:
                await self._remember(f"tea {number}")
            elif kind < 0.65:
                await self._update(f"cup {number}")
            elif kind < 0.75:
                await self._delete()
            else:
                await self._read()

    async def _remember(self, content: str) -> None:
        memory_id = str(UUID(int=self._draw.getrandbits(128), version=4))
        await self.until_told(lambda: self._provider.remember("ann", content, memory_id=memory_id))
        self.expected[memory_id] = content

    async def _update(self, content: str) -> None:
        memory_id, edit_id = self._any(), str(UUID(int=self._draw.getrandbits(128), version=4))
        await self.until_told(lambda: self._provider.update("ann", memory_id, content=content, edit_id=edit_id))
        self.expected[memory_id] = content

    async def _delete(self) -> None:
        memory_id, edit_id = self._any(), str(UUID(int=self._draw.getrandbits(128), version=4))
        assert await self.until_told(lambda: self._provider.delete("ann", memory_id, edit_id=edit_id))
        del self.expected[memory_id]
        self.deleted.add(memory_id)

    async def _read(self) -> None:
        listed = await self.until_told(lambda: everything(self._provider))
        recalled = await self.until_told(self.recall)
        found = {memory.id: memory.content for memory in listed}
        assert self.expected.items() <= found.items()
        assert not self.deleted & (found.keys() | {hit.id for hit in recalled})
        assert recalled

    async def recall(self) -> list[MemoryRecord]:
        """Return what is found of all that is written."""
        return await self._provider.recall("ann", "tea cup", limit=100)

    async def until_told(self, operation: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to an operation that is tried until there is one."""
        while True:
            try:
                return await operation()
            except Unavailable:
                self.failures += 1
                await asyncio.sleep(self._draw.uniform(0, 0.02))

    def _any(self) -> str:
        return self._draw.choice(sorted(self.expected))


@pytest.mark.parametrize(
    "seed", [pytest.param(7, marks=pytest.mark.thorough), *(pytest.param(n, marks=pytest.mark.soak) for n in range(7))]
)
async def test_nothing_is_lost_doubled_or_resurrected(opensearch_server: OpenSearchServer, seed: int) -> None:
    """By two processes that write to one index over a bad network."""
    draw = random.Random(seed)  # noqa: S311 - the same again for the same seed
    async with FickleHttp(opensearch_server.url) as proxy:
        settings = replace(opensearch_server.settings(timeout=SLOWEST), url=Secret(proxy.base_url))
        async with settings.open(host_for()) as one, settings.open(host_for()) as other:
            clients = [Client((one, other)[number % 2], seed * CLIENTS + number) for number in range(CLIENTS)]

            async def disturb() -> None:
                while True:
                    behaviour, status = draw.choice(FAULTS)
                    body = b'{"error": {"type": "drawn"}}'
                    await proxy.become(behaviour, status=status, body=body, times=draw.randint(1, 3))
                    await asyncio.sleep(draw.uniform(0.0, 0.05))

            disturbing = asyncio.create_task(disturb())
            try:
                async with asyncio.TaskGroup() as working:
                    for client in clients:
                        working.create_task(client.run())
            finally:
                disturbing.cancel()
                await asyncio.gather(disturbing, return_exceptions=True)
                await proxy.become(Behaviour.OK)
            expected = {memory_id: content for client in clients for memory_id, content in client.expected.items()}
            deleted = {memory_id for client in clients for memory_id in client.deleted}
            for client in clients[:2]:
                recalled = await client.until_told(client.recall)
                assert {hit.id for hit in recalled} <= expected.keys()
        async with replace(settings, timeout=PATIENT).open(host_for()) as calm:
            listed = await everything(calm)
            assert {memory.id: memory.content for memory in listed} == expected
            assert len(listed) == len(expected)
            for memory_id in deleted:
                with pytest.raises(MemoryNotFound):
                    await calm.get("ann", memory_id)
                with pytest.raises(MemoryDeleted):
                    await calm.remember("ann", "back again", memory_id=memory_id)
    assert deleted
    assert sum(client.failures for client in clients) > 50
