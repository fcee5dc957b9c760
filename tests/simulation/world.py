"""A simulated run: real chains, relays and garbage collectors over faulty stores and one journal, in simulated time."""

import asyncio
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, TypeVar

from providers.chain.chained import ChainedProvider
from providers.chain.garbage_collection import GarbageCollector
from providers.chain.link import Link
from providers.chain.membership import Membership
from providers.chain.relay import OutboxRelay
from providers.chain.route import Route
from providers.journal.operations import MemberState
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.running import InlineRunner
from providers.replica import Replica
from providers.states.clock import COUNTER_BITS
from providers.types import NewMemory, Owner
from tests.simulation.acting import first_content, id_of, user_of
from tests.simulation.design import Design
from tests.simulation.faulty import FaultyReplica, Life, Weather
from tests.simulation.journal import FaultyRunner, Notifier
from tests.simulation.links import DELIVERIES, RETENTION, identity, link_to
from tests.simulation.script import FIRST_ORDER, PROVIDERS, REPLICAS, Crash, Script, Stall, Switch
from tests.support.chain_rig import ChainRig
from tests.support.clock import FakeClock, hybrid_clock
from tests.support.states import moment_of

Result = TypeVar("Result")

OLD = 100.0  # seconds before the run


class World:
    """The stores and the journal, which last, and the replicas, which come and go."""

    def __init__(self, script: Script, design: Design, clock: FakeClock) -> None:
        self.script = script
        self.design = design
        self.clock = clock
        self.chance = Random(f"world {script.seed}")
        self.weather = Weather(self.chance, script.faults, lambda: clock() - self.began, script.slow)
        self.began = clock()
        self.stores: dict[str, Replica] = {
            name: design.store(hybrid_clock(clock), name, weak=weak)
            for name, weak in zip(PROVIDERS, script.weak, strict=True)
        }
        self.connections = design.connections(clock)
        self.notifiers = {id(connection): Notifier(connection, self.chance) for connection in self.connections}
        self.orders: list[tuple[str, ...]] = [FIRST_ORDER] * REPLICAS
        self._switched_at = [0.0] * REPLICAS
        self.replicas: list[ReplicaProcess | None] = [None] * REPLICAS
        self.lives: list[Life] = []  # held, with whatever waits for ever
        self.bugs: list[BaseException] = []

    async def prepare(self) -> None:
        """Make the providers of the first order members with everything, store the old, and start all replicas."""
        for connection in set(self.connections):
            journal = SqliteJournal("setup", InlineRunner(connection), InlineRunner(connection))
            for name in FIRST_ORDER:
                await journal.join(name, await self.stores[name].identity())
                await journal.mark(name, MemberState.COMPLETE)
        for memory in self.script.old:
            version = int((self.began - OLD) * 1000) << COUNTER_BITS
            state = NewMemory(
                owner=Owner(user_of(memory)),
                content=first_content(memory),
                memory_id=id_of(memory),
                version=version,
                created_at=moment_of(version),
            )
            for name in FIRST_ORDER:
                await self.stores[name].store_many([state])
        for index in range(REPLICAS):
            self.start(index)

    def start(self, index: int) -> None:
        """Start a replica."""
        self.replicas[index] = ReplicaProcess(self, index)

    def home_at(self, index: int) -> str | None:
        """Return the name of the provider that is home for a replica."""
        replica = self.replicas[index]
        home = None if replica is None else replica.route.home
        return None if home is None else home.name

    async def crash(self, crash: Crash) -> None:
        """End a replica, and start another in its place."""
        await asyncio.sleep(crash.at)
        replica = self.replicas[crash.replica]
        if replica is not None:
            self.replicas[crash.replica] = None
            await replica.end()
            await asyncio.sleep(crash.seconds)
            self.start(crash.replica)

    async def stall(self, stall: Stall) -> None:
        """Let time pass in which no process does anything."""
        await asyncio.sleep(stall.at)
        self.clock.pass_by(stall.seconds)

    async def switch(self, switch: Switch) -> None:
        """Set another order for every replica; one that is not running now will find it when it starts.

        What comes late, since everything stood still, does not undo what has come after it.
        """
        await asyncio.sleep(switch.at)
        self._switch_one(switch.first, switch)
        await asyncio.sleep(switch.lag)
        for index in range(REPLICAS):
            if index != switch.first:
                self._switch_one(index, switch)

    def _switch_one(self, index: int, switch: Switch) -> None:
        if switch.at < self._switched_at[index]:
            return
        self._switched_at[index] = switch.at
        self.orders[index] = switch.order
        replica = self.replicas[index]
        if replica is not None:
            replica.watch(replica.switch(switch.order))

    def note_bug(self, task: asyncio.Task[None]) -> None:
        """Take note of a task that nothing but a bug can have ended."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.bugs.append(error)

    def filled(self) -> bool:
        """Return whether every provider has received everything."""
        states = [row for connection in self.connections for row in connection.rows("SELECT name, state FROM members")]
        return all((name, MemberState.COMPLETE) in states for name in self.script.order)

    async def close(self) -> None:
        """End everything."""
        for replica in self.replicas:
            if replica is not None:
                await replica.end()
        for task in self.weather.late:
            task.cancel()
        await asyncio.gather(*self.weather.late, return_exceptions=True)
        for connection in set(self.connections):
            connection.close()


class ReplicaProcess:
    """One process of the service, put together as `Chain` does it, but on the clock and the chance of the world."""

    def __init__(self, world: World, index: int) -> None:
        self._world = world
        self._life = Life()
        world.lives.append(self._life)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        clock = world.clock
        skew = world.script.skews[index]
        connection = world.connections[index]
        runner = FaultyRunner(connection, world.notifiers[id(connection)], world.weather, self._life)
        self._journal = world.design.journal(runner, looks=world.script.looks)
        holder = f"{index} {clock()}"
        self._links: dict[str, Link] = {}
        self._switching = asyncio.Lock()
        self.route = Route((), frozenset())
        own_clock = hybrid_clock(lambda: clock() + skew)
        self._rig = ChainRig(self._journal, clock, own_clock)
        self.provider = world.design.provider(self._rig, self._route_of(FIRST_ORDER))
        self._membership = Membership(holder, self._journal, lambda: self.route.links, self._set_complete, now=clock)
        self._put_in_force(self._route_of(FIRST_ORDER))
        if world.script.switches:
            self.watch(self._membership.run())
            self.watch(self.switch(world.orders[index]))
        self.watch(GarbageCollector(holder, self._journal, self._all_links, RETENTION, now=clock).run())

    async def switch(self, order: Sequence[str]) -> None:
        """Put an order in force."""
        async with self._switching:
            links = self._route_of(order).links
            identities = {link.name: await identity(link) for link in links}
            admitted = await self._membership.admit(identities)
            self._put_in_force(Route(links, admitted.names, admitted.presumed))

    def spawn(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Do something that ends with this process."""
        task = asyncio.ensure_future(work)
        self._tasks[task] = None
        task.add_done_callback(lambda ended: self._tasks.pop(ended, None))
        return task

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background, where only a bug can raise anything."""
        self.spawn(work).add_done_callback(self._world.note_bug)

    async def end(self) -> None:
        """End without a word: nothing that is still done on the way out reaches anybody."""
        self._life.ended = True
        tasks = [*self._tasks, *self._membership.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _route_of(self, order: Sequence[str]) -> Route:
        world = self._world
        for name in order:
            if name not in self._links:
                provider = FaultyReplica(name, world.stores[name], world.weather, self._life)
                self._links[name] = link_to(provider, name, world.clock, world.chance)
        return Route(tuple(self._links[name] for name in order), frozenset(order))

    def _put_in_force(self, route: Route) -> None:
        started = {link.name for link in self.route.links}
        self.route = route
        if isinstance(self.provider, ChainedProvider):
            self.provider.route = self._world.design.route(route)
        for link in route.links:
            if link.name not in started:
                self.watch(self._relay(link).run())

    def _relay(self, link: Link) -> OutboxRelay:
        return self._rig.relay(link.name, lambda: link, DELIVERIES, chance=self._world.chance.random)

    def _set_complete(self, complete: frozenset[str]) -> None:
        self._put_in_force(Route(self.route.links, complete))

    async def _all_links(self) -> Sequence[Link] | None:
        links = [self.route.link(member.name) for member in await self._journal.members()]
        return None if None in links else [link for link in links if link is not None]
