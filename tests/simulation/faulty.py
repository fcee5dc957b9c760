"""What stands between a simulated replica and the world: latencies, faults, and the end of the replica."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import TypeVar

from providers.answers import Changed, Erased, Fetched, Found, Stored
from providers.errors import Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.types import Deletion, Edit, Health, NewMemory, Owner, PageQuery, RecallQuery, Snapshot
from tests.simulation.script import Fault, Mode, Slowness
from tests.simulation.stores import land, land_new

Answer = TypeVar("Answer")

FOREVER = 1e9  # seconds
ON_THE_WAY_BACK = 0.5  # of all calls spend their time so


class Life:
    """A replica's life: whatever it waits for when it ends, it waits for ever."""

    def __init__(self) -> None:
        self.ended = False
        self._waiting: list[asyncio.Future[None]] = []  # held, or the tasks that wait for them would be collected

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)
        if self.ended:
            never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(never)
            await never


class Weather:
    """Which calls fail, and how, and which take long; the same for all replicas."""

    def __init__(
        self, chance: Random, faults: Sequence[Fault], now: Callable[[], float], slow: Sequence[Slowness] = ()
    ) -> None:
        self.chance = chance
        self.faults = faults
        self.slow = slow
        self.now = now
        self.late: set[asyncio.Task[None]] = set()

    def at(self, where: str) -> Mode | None:
        """Draw the fate of one call."""
        for fault in self.faults:
            if fault.where == where and fault.at <= self.now() < fault.at + fault.seconds:
                return fault.mode if self.chance.random() < fault.share else None
        return None

    def lag(self, where: str, least: float, most: float) -> float:
        """Draw the seconds that a call is on the way."""
        now = self.now()
        factors = [one.factor for one in self.slow if one.where == where and one.at <= now < one.at + one.seconds]
        return self.chance.uniform(least, most) * max(factors, default=1.0)

    def later(self, do: Callable[[], Awaitable[None]]) -> None:
        """Have something happen in some seconds, whoever may have ended by then."""

        async def happen() -> None:
            await asyncio.sleep(self.chance.choice((0.01, 0.5, 2.0, 4.0)))
            await do()

        task = asyncio.ensure_future(happen())
        self.late.add(task)
        task.add_done_callback(self.late.discard)


class FaultyReplica(Replica):
    """A store as one simulated replica reaches it."""

    def __init__(self, name: str, store: Replica, weather: Weather, life: Life) -> None:
        self._name = name
        self._store = store
        self._weather = weather
        self._life = life

    async def _read(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        async def nothing() -> None:
            """A late read changes nothing."""

        return await self._through(ask, nothing, writes=False)

    async def _through(
        self, ask: Callable[[], Awaitable[Answer]], land: Callable[[], Awaitable[None]], *, writes: bool
    ) -> Answer:
        weather, life = self._weather, self._life
        # Most of the time passes on the way there or on the way back; either way, a crash may come in between.
        lag, returning = weather.lag(self._name, 0.001, 0.006), weather.chance.random() < ON_THE_WAY_BACK
        if not returning:
            await life.wait(lag)
        mode = weather.at(self._name)
        if mode is not None:
            await self._fails(mode, ask, land, writes=writes)
        answer = await ask()
        if returning:
            await life.wait(lag)
        return answer

    async def _fails(
        self, mode: Mode, ask: Callable[[], Awaitable[object]], land: Callable[[], Awaitable[None]], *, writes: bool
    ) -> None:
        """End a call as the fault wants it; if it only takes its time, the call is still to be made."""
        weather = self._weather
        match mode:
            case Mode.REFUSED:
                raise Unavailable("refused")
            case Mode.THROTTLED:
                raise Throttled("too many", retry_after=0.2)
            case Mode.MISCONFIGURED:
                raise Misconfigured("wrong key")
            case Mode.SLOW:
                await self._life.wait(weather.chance.uniform(0.05, 3))
            case Mode.HANGING:
                await self._life.wait(FOREVER)
            case Mode.APPLIED_LATER:
                weather.later(land)
                raise TimedOut("no answer", ambiguous=writes)
            case Mode.APPLIED_THEN_ERROR:
                await ask()
                raise Unavailable("connection lost", ambiguous=writes)

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        return await self._through(
            lambda: self._store.store_many(memories), lambda: land_new(self._store, memories), writes=True
        )

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        return await self._through(
            lambda: self._store.put_many(snapshots), lambda: land(self._store, snapshots), writes=True
        )

    async def find(self, query: RecallQuery) -> Found:
        """See `MemoryStore`."""
        return await self._read(lambda: self._store.find(query))

    async def page(self, query: PageQuery) -> Found:
        """See `MemoryStore`."""
        return await self._read(lambda: self._store.page(query))

    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """See `MemoryStore`."""
        return await self._read(lambda: self._store.fetch(owner, memory_id))

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        return await self._read(lambda: self._store.snapshot(owner, memory_id))

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        return await self._read(lambda: self._store.snapshots(owner, limit, after=after))

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`."""
        return await self._read(lambda: self._store.owners(limit, after=after))

    async def identity(self) -> str:
        """See `Replica`."""
        return await self._read(self._store.identity)

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        return Health(healthy=self._weather.at(self._name) is None, provider=self._name)

    async def erase(self, deletion: Deletion) -> Erased:
        """Not asked by a chain, which puts tombstones."""
        raise NotImplementedError

    async def change(self, edit: Edit) -> Changed:
        """Not asked by a chain, which puts whole states."""
        raise NotImplementedError

    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """Not asked by a chain, which asks one by one."""
        raise NotImplementedError
