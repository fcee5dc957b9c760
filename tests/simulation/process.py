"""One process of the service in a simulated run, put together as `Chain` does it, but on simulated time and chance."""

import asyncio
import math
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from providers.base import MemoryProvider
from providers.chain.chained import ChainedProvider
from providers.chain.comparing.patrol import Patrol
from providers.chain.erasing.eraser import Eraser
from providers.chain.errors import OrderRefused
from providers.chain.expiring.rules import RetentionRule
from providers.chain.expiring.sweeper import ExpirySweeper
from providers.chain.garbage_collection import GarbageCollector
from providers.chain.hedging.order import Hedging
from providers.chain.link import Link
from providers.chain.membership import Membership
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.policy import ChainPolicy, ErasurePolicy, ExpiryPolicy, PatrolPolicy, RetentionPolicy
from providers.chain.relay import OutboxRelay
from providers.chain.route import Route
from providers.chain.stores.in_sync import InSyncSet
from providers.chain.stores.introductions import PATIENCE_AT_START, PROBE_SECONDS
from providers.chain.stores.watch import Doubts
from providers.erasure.fences import FenceList
from providers.journal.base import Journal
from providers.journal.sqlite.connection import JournalConnection
from providers.replica import Replica
from tests.simulation.design import Design
from tests.simulation.doubling import relaying
from tests.simulation.faulty import FaultyReplica, Life, Weather
from tests.simulation.journal import FaultyRunner, Notifier
from tests.simulation.links import DELIVERIES, RETENTION, link_to
from tests.simulation.script import FIRST_ORDER, Script
from tests.support.chain_rig import INSTALLATION, ChainRig
from tests.support.clock import FakeClock, hybrid_clock

Result = TypeVar("Result")

_AGAIN_SECONDS = 1.0  # until a process that has refused its order is started again
_GRACE = 1_800.0  # seconds for which nothing that has expired is erased
_SWEEPS = ExpiryPolicy(every=1.0, share=1.0)
_ERASURES = ErasurePolicy(every=0.5)
_SETTLING = ChainPolicy(retention=RetentionPolicy(keep=8.0))  # the latest late write lands 4 s after a try
_PATROLS = PatrolPolicy(every=3.0, share=1.0)


class Surroundings(Protocol):
    """What a process finds in the world."""

    script: Script
    design: Design
    clock: FakeClock
    chance: Random
    weather: Weather
    connections: list[JournalConnection]
    notifiers: dict[int, Notifier]
    orders: list[tuple[str, ...]]
    lives: list[Life]
    refusals: list[str]

    def store_of(self, index: int, name: str) -> Replica:
        """Return the store that a process sees under a name."""

    def wall(self, index: int) -> float:
        """Return what the clock on the wall says where a process runs."""

    def note_bug(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task that nothing but a bug can have ended."""


class _Swept(Struct):
    """A process as its sweep sees it."""

    holder: str
    journal: Journal | None
    observer: ChainObserver
    process: "ReplicaProcess"
    retention: tuple[RetentionRule, ...] = ()

    @property
    def route(self) -> Route:
        """The route of the process."""
        return self.process.route


class _Erased(Struct):
    """A process as its eraser sees it."""

    holder: str
    observer: ChainObserver
    journal: Journal | None
    process: "ReplicaProcess"
    policy: ChainPolicy = _SETTLING

    @property
    def route(self) -> Route:
        """The route of the process."""
        return self.process.route

    @property
    def provider(self) -> MemoryProvider:
        """The chain of the process."""
        return self.process.provider

    async def records(self, *, create: bool = True) -> Journal | None:
        """Return the journal."""
        return self.journal


class ReplicaProcess:
    """A process, which `serves` as soon as its order is in force."""

    def __init__(self, world: Surroundings, index: int) -> None:
        self._world = world
        self._index = index
        self._life = Life()
        world.lives.append(self._life)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        clock = world.clock
        connection = world.connections[index]
        runner = FaultyRunner(connection, world.notifiers[id(connection)], world.weather, self._life)
        self._journal = world.design.journal(runner, looks=world.script.looks)
        holder = f"{index} {clock()}"
        self._links: dict[str, Link] = {}
        self.fences = FenceList()
        self._switching = asyncio.Lock()
        self.serves = False
        self.admitting_since = math.inf  # when the order that is being put in force was begun with
        self.homes: list[str | None] = []  # all that have been home, one after the other
        self.route = Route((), frozenset())
        self._rig = ChainRig(self._journal, clock, hybrid_clock(lambda: world.wall(index)))
        self.membership = world.design.membership(
            Membership.of(holder, self._journal, lambda: self.route.links, self._set_in_sync, INSTALLATION, now=clock)
        )
        self._rig.hedging = Hedging(looked_well=lambda name: name in self.membership.watch.well)
        self.membership.watch.choose = world.chance.sample
        registrar = self.membership.registrar
        registrar.wall = lambda: world.wall(index)
        self.provider = world.design.provider(
            self._rig, Route(self._links_of(FIRST_ORDER), frozenset(FIRST_ORDER)), lambda: registrar.trusted
        )
        self.eraser = world.design.eraser(
            Eraser(
                _Erased(holder, Doubts(self.membership.watch), self._journal, self),
                self._rig.versions,
                _ERASURES,
                self.fences,
                clock,
                meets_every=1.0,
                replays_every=5.0,
            )
        )
        if world.script.erases:
            self.watch(self.eraser.run())
        self.watch(self._run())
        self.watch(GarbageCollector(holder, self._journal, self._all_links, RETENTION, now=clock).run())
        if world.script.lapses:
            swept = _Swept(holder, self._journal, Unobserved(), self)
            clock_of_reader = hybrid_clock(lambda: world.wall(index))
            sweeper = ExpirySweeper(swept, clock_of_reader, _SWEEPS, now=clock, grace=_GRACE)
            self.watch(world.design.sweeper(sweeper).run())
        if world.script.patrols and world.design.patrols:
            self.watch(Patrol(holder, self._journal, lambda: self.route, _PATROLS, now=clock).run())

    async def switch(self, order: Sequence[str]) -> bool:
        """Put an order in force; return False if it is refused."""
        async with self._switching:
            links = self._links_of(order)
            patience = PROBE_SECONDS if self.serves else PATIENCE_AT_START
            self.admitting_since = self._world.clock()
            try:
                admitted = await self.membership.admit(links, {}, patience)
            except OrderRefused as error:
                self._world.refusals.append(str(error))
                return False
            finally:
                self.admitting_since = math.inf
            self._put_in_force(_route(links, admitted))
            self.serves = True
            return True

    async def follow(self, order: tuple[str, ...]) -> None:
        """Put an order in force as soon as it is not refused any more, unless there is another one by then."""
        while self._world.orders[self._index] == order and not await self.switch(order):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(_AGAIN_SECONDS)

    def milliseconds(self) -> int:
        """Return the milliseconds since 1970 by the clock of this process."""
        return self._rig.versions.milliseconds()

    def spawn(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Do something that ends with this process."""
        task = asyncio.ensure_future(work)
        self._tasks[task] = None
        task.add_done_callback(lambda ended: self._tasks.pop(ended, None))
        return task

    def watch(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something in the background, where only a bug can raise anything."""
        self.spawn(work).add_done_callback(self._world.note_bug)

    async def end(self) -> None:
        """End without a word: nothing that is still done on the way out reaches anybody."""
        self._life.ended = True
        tasks = [*self._tasks, *self.membership.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(self.provider, ChainedProvider):
            await self.provider.tries.stop()

    async def _run(self) -> None:
        order: tuple[str, ...] = ()
        while order != self._world.orders[self._index]:  # it may be another one by the time that it is in force
            order = self._world.orders[self._index]
            await self.follow(order)
        await self.membership.run()

    def _links_of(self, order: Sequence[str]) -> tuple[Link, ...]:
        world, index = self._world, self._index
        for name in order:
            if name not in self._links:

                def store(name: str = name) -> Replica:
                    return world.store_of(index, name)

                provider = FaultyReplica(name, store, world.weather, self._life)
                self._links[name] = link_to(provider, name, world.clock, world.chance)
                self._links[name].fences = self.fences
        return tuple(self._links[name] for name in order)

    def _put_in_force(self, route: Route) -> None:
        started = {link.name for link in self.route.links}
        self.route = route
        self.homes.append(None if route.home is None else route.home.name)
        if isinstance(self.provider, ChainedProvider):
            self.provider.route = self._world.design.route(route)
        for link in route.links:
            if link.name not in started:
                self.watch(self._relayed(link.name))

    async def _relayed(self, name: str) -> None:
        relaying.set(name)
        await self._relay(name).run()

    def _relay(self, name: str) -> OutboxRelay:
        return self._rig.relay(name, lambda: self._link(name), DELIVERIES, chance=self._world.chance.random)

    def _link(self, name: str) -> Link | None:
        """Return the link to a store that has said who it is."""
        return self.route.link(name) if name in self.membership.registrar.met else None

    def _set_in_sync(self, found: InSyncSet) -> None:
        self._put_in_force(_route(self.route.links, found))
        for task in self.membership.tasks:
            if task.done():
                self._world.note_bug(task)

    async def _all_links(self) -> Sequence[Link] | None:
        links = [self._link(member.name) for member in await self._journal.members()]
        return None if None in links else [link for link in links if link is not None]


def _route(links: tuple[Link, ...], found: InSyncSet) -> Route:
    return Route(links, found.names, found.presumed, found.restored, found.holders, found.silent)
