"""What stands between a simulated replica and the world: latencies, faults, and the end of the replica."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from random import Random
from typing import TypeVar

from providers.answers import Stored
from providers.erasure.fences import Fence
from providers.errors import Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from providers.health import Health
from providers.histories import VersionPlace
from providers.introduction import Introduction, StoreMark
from providers.owners import Owner
from providers.replica import MAX_OWNERS, MAX_SNAPSHOTS, Replica
from providers.retention import Retention
from providers.types import NewMemory, Snapshot
from providers.wrapper import Call, OperationName, Result, Wrapper
from tests.simulation.doubling import Deliveries
from tests.simulation.script import Fault, Mode, Slowness
from tests.simulation.stores import late

Answer = TypeVar("Answer")

FOREVER = 1e9  # seconds
ON_THE_WAY_BACK = 0.5  # of all calls spend their time so

_WRITES = frozenset({OperationName.REMEMBER, OperationName.REMEMBER_MANY})  # a chain changes and deletes by `put_many`


class Life:
    """The life of a replica: whatever it waits for when it ends, it waits for ever."""

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
        self.deliveries = Deliveries()
        self.late: set[asyncio.Task[None]] = set()

    def at(self, where: str) -> Mode | None:
        """Draw the fate of one call."""
        if not self.faults:
            return None
        now = self.now()
        for fault in self.faults:
            if fault.where == where and fault.at <= now < fault.at + fault.seconds:
                return fault.mode if self.chance.random() < fault.share else None
        return None

    def lag(self, where: str, least: float, most: float) -> float:
        """Draw the seconds that a call is on the way."""
        drawn = self.chance.uniform(least, most)
        if not self.slow:
            return drawn
        now = self.now()
        factors = [one.factor for one in self.slow if one.where == where and one.at <= now < one.at + one.seconds]
        return drawn * max(factors, default=1.0)

    def later(self, do: Callable[[], Awaitable[object]]) -> None:
        """Let something happen in some seconds, whichever replicas have ended by then."""

        async def happen() -> None:
            await asyncio.sleep(self.chance.choice((0.01, 0.5, 2.0, 4.0)))
            await do()

        task = asyncio.ensure_future(happen())
        self.late.add(task)
        task.add_done_callback(self.late.discard)


class FaultyReplica(Wrapper, Replica):
    """A store as one simulated replica reaches it: latencies and faults are put around every call."""

    def __init__(self, name: str, store: Callable[[], Replica], weather: Weather, life: Life) -> None:
        self._name = name
        self._store = store
        self._weather = weather
        self._life = life

    @property
    def staleness(self) -> float:
        """See `Replica`."""
        return self._store().staleness

    @property
    def keeps_fences(self) -> bool:
        """See `Replica`."""
        return self._store().keeps_fences

    @property
    def ranking(self) -> str | None:
        """See `Replica`."""
        return self._store().ranking

    @property
    def retention(self) -> Retention:
        """See `Replica`."""
        return self._store().retention

    async def put_versions(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        return await self._through(lambda store: store.put_versions(snapshots), writes=True)

    async def superseded(
        self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: VersionPlace | None = None
    ) -> list[Snapshot]:
        """See `Replica`."""
        return await self._through(lambda store: store.superseded(owner, limit, after=after))

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:
        """Make the call, unless a fault comes before or after."""
        return await self._through(call, writes=operation in _WRITES)

    async def put_many(self, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        """See `Replica`."""
        writes = [(snapshot.id, snapshot.version) for snapshot in snapshots]
        with self._weather.deliveries.under_way(self._name, writes, asyncio.get_running_loop().time()):
            return await self._through(lambda store: store.put_many(snapshots), writes=True)

    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """See `MemoryStore`."""
        writes = [(str(memory.memory_id), memory.version) for memory in memories]
        with self._weather.deliveries.under_way(self._name, writes, asyncio.get_running_loop().time()):
            return await super().store_many(memories)

    async def snapshot(self, owner: Owner, memory_id: str) -> Snapshot | None:
        """See `Replica`."""
        return await self._through(lambda store: store.snapshot(owner, memory_id))

    async def heads(self, owner: Owner, memory_ids: Sequence[str]) -> dict[str, Snapshot]:
        """See `Replica`."""
        return await self._through(lambda store: store.heads(owner, memory_ids))

    async def snapshots(self, owner: Owner, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Snapshot]:
        """See `Replica`."""
        return await self._through(lambda store: store.snapshots(owner, limit, after=after))

    async def owners(self, limit: int = MAX_OWNERS, *, after: Owner | None = None) -> list[Owner]:
        """See `Replica`."""
        return await self._through(lambda store: store.owners(limit, after=after))

    async def moment(self) -> datetime | None:
        """See `Replica`."""
        return await self._through(lambda store: store.moment())

    async def expired(self, before: datetime, limit: int, *, after: Snapshot | None = None) -> list[Snapshot]:
        """See `Replica`."""
        return await self._through(lambda store: store.expired(before, limit, after=after))

    async def purge(self, owner: Owner, version: int, limit: int = MAX_SNAPSHOTS) -> int:
        """See `Replica`."""
        return await self._through(lambda store: store.purge(owner, version, limit), writes=True)

    async def put_fences(self, fences: Sequence[Fence]) -> None:
        """See `Replica`."""
        await self._through(lambda store: store.put_fences(fences), writes=True)

    async def fences(self, limit: int = MAX_SNAPSHOTS, *, after: str | None = None) -> list[Fence]:
        """See `Replica`."""
        return await self._through(lambda store: store.fences(limit, after=after))

    async def identity(self) -> str:
        """See `Replica`."""
        return await self._through(lambda store: store.identity())

    async def introduce(self) -> Introduction:
        """See `Replica`."""
        return await self._through(lambda store: store.introduce())

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """See `Replica`."""
        return await self._through(lambda store: store.leave_mark(mark, former), writes=True)

    async def health_check(self) -> Health:
        """See `MemoryStore`."""
        return Health(healthy=self._weather.at(self._name) is None, provider=self._name)

    async def _through(self, ask: Callable[[Replica], Awaitable[Answer]], *, writes: bool = False) -> Answer:
        weather, life = self._weather, self._life
        # Most of the time passes on the way there or on the way back; either way, a crash may come in between.
        lag, returning = weather.lag(self._name, 0.001, 0.006), weather.chance.random() < ON_THE_WAY_BACK
        if not returning:
            await life.wait(lag)
        mode = weather.at(self._name)
        if mode is not None:
            await self._fail(mode, ask, writes=writes)
        answer = await ask(self._store())
        if returning:
            await life.wait(lag)
        return answer

    async def _fail(self, mode: Mode, ask: Callable[[Replica], Awaitable[object]], *, writes: bool) -> None:
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
                store = late(self._store())
                weather.later((lambda: ask(store)) if writes else _nothing)
                raise TimedOut("no answer", ambiguous=writes)
            case Mode.APPLIED_THEN_ERROR:
                await ask(self._store())
                raise Unavailable("connection lost", ambiguous=writes)


async def _nothing() -> None:
    """Do nothing, as a late read does."""
