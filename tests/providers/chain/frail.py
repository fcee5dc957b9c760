"""A store that can fail."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import uuid4

from providers.errors import ProviderError, Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.replica import MAX_SNAPSHOTS
from providers.states.clock import HybridClock
from providers.types import MemoryRecord, Metadata, NewMemory, Snapshot
from tests.support.clock import FakeClock


class Store(MockMemoryProvider):
    """Memories that can be out of reach for a while, slow, or all gone; knows what it was asked, and who has it open.

    `errors` are those of the next calls, one each.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(HybridClock(lambda: int(clock() * 1000)))
        self.down = False
        self.seconds = 0.0
        self.errors: list[ProviderError] = []
        self.minted: list[tuple[str | None, int | None]] = []
        self.put: list[str] = []
        self.opened = 0
        self.closed = 0

    @property
    def open(self) -> int:
        """How many have it open."""
        return self.opened - self.closed

    @asynccontextmanager
    async def held(self) -> AsyncIterator["Store"]:
        """Open it."""
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    def begin_anew(self) -> None:
        """Lose everything, and be another store from now on."""
        self._users.clear()
        self._identity = f"mock:{uuid4()}"

    async def remember(
        self,
        user_id: str,
        content: str,
        metadata: Metadata | None = None,
        *,
        memory_id: str | None = None,
        version: int | None = None,
        created_at: datetime | None = None,
    ) -> str:
        """See `MemoryProvider`."""
        self.minted.append((memory_id, version))
        await self._way()
        return await super().remember(
            user_id, content, metadata, memory_id=memory_id, version=version, created_at=created_at
        )

    async def remember_many(self, memories: Sequence[NewMemory]) -> list[str | ProviderError]:
        """See `MemoryProvider`."""
        await self._way()
        return await super().remember_many(memories)

    async def get(self, user_id: str, memory_id: str) -> MemoryRecord:
        """See `MemoryProvider`."""
        await self._way()
        return await super().get(user_id, memory_id)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        await self._way()
        self.put += [snapshot.id for snapshot in snapshots]
        return await super().put_many(snapshots)

    async def snapshots(self, user_id: str, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        await self._way()
        return await super().snapshots(user_id, limit, after=after)

    async def identity(self) -> str:
        """See `Replica`."""
        await self._way()
        return await super().identity()

    async def _way(self) -> None:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        if self.down:
            raise Unavailable("down")
