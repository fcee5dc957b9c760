"""A store whose reads show late what it has taken, as a search index or a lagging replica does."""

import asyncio
from collections.abc import Sequence
from random import Random

from providers.errors import ProviderError
from providers.health import Health
from providers.introduction import Introduction, StoreMark
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.types import Snapshot
from providers.wrapper import Call, OperationName, Result, Wrapper
from tests.simulation.inventory import copy_of, put_back

_WRITES = frozenset({OperationName.REMEMBER, OperationName.REMEMBER_MANY, OperationName.TOUCH})


class StaleStore(Wrapper, Replica):
    """Take writes at once, and answer reads as of up to `staleness` seconds ago; what was shown once stays shown.

    The staleness that it tells of itself is the one `declared`.
    """

    def __init__(self, store: Replica, staleness: float, declared: float, chance: Random) -> None:
        self._store = store
        self._declared = declared
        self._staleness = staleness
        self._chance = chance
        self._taken = 0
        self._showing = 0
        self._shown = type(store).__new__(type(store))
        vars(self._shown).update(vars(store))
        put_back(self._shown, copy_of(store))

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self._declared

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:
        """Make the call."""
        if operation not in _WRITES:
            return await call(self._shown)
        try:
            return await call(self._store)
        finally:
            self._show_later()

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        try:
            return await self._store.put_many(snapshots)
        finally:
            self._show_later()

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """See `Replica`."""
        left = await self._store.leave_mark(mark, former)
        self._show_later()
        return left

    async def introduce(self) -> Introduction:
        """See `Replica`."""
        return await self._shown.introduce()

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        return await self._shown.snapshot(owner, memory_id)

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        return await self._shown.snapshots(owner, limit, after=after)

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`."""
        return await self._shown.owners(limit, after=after)

    async def identity(self) -> str:
        """See `Replica`."""
        return await self._shown.identity()

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        return await self._store.health_check()

    def _show_later(self) -> None:
        self._taken += 1
        taken, copy = self._taken, copy_of(self._store)

        def show() -> None:
            if taken > self._showing:
                self._showing = taken
                put_back(self._shown, copy)

        asyncio.get_running_loop().call_later(self._chance.uniform(0, self._staleness), show)
