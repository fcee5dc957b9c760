"""A simulated run: real chains, relays and garbage collectors over faulty stores and one journal, in simulated time."""

import asyncio
from random import Random
from typing import Any

from providers.journal.operations import MemberState
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.running import InlineRunner
from providers.replica import Replica
from providers.states.clock import COUNTER_BITS
from providers.types import NewMemory
from tests.simulation.acting import first_content, id_of, owner_of
from tests.simulation.breach import Breach
from tests.simulation.design import Design
from tests.simulation.faulty import Life, Weather
from tests.simulation.journal import Notifier
from tests.simulation.process import ReplicaProcess
from tests.simulation.script import FIRST_ORDER, PROVIDERS, REPLICAS, Crash, Script, Stall, Switch
from tests.simulation.stale import StaleStore
from tests.simulation.upsets import UpsetKind
from tests.support.chain_rig import INSTALLATION
from tests.support.clock import FakeClock, hybrid_clock
from tests.support.states import moment_of

OLD = 100.0  # seconds before the run
_TRIFLE = 1e-9  # seconds, less than anything takes


class World:
    """The stores and the journal, which last, and the replicas, which come and go."""

    def __init__(self, script: Script, design: Design, clock: FakeClock) -> None:
        self.script = script
        self.design = design
        self.clock = clock
        self.chance = Random(f"world {script.seed}")
        self.weather = Weather(self.chance, script.faults, lambda: clock() - self.began, script.slow)
        self.began = float("inf")
        self.stores: dict[str, Replica] = {name: self._store(name, name) for name in PROVIDERS}
        self.jumped = [0.0] * REPLICAS  # seconds by which clocks on the wall were set
        self.connections = design.connections(clock, lambda: clock() + self.jumped[0])
        self.notifiers = {id(connection): Notifier(connection, self.chance) for connection in self.connections}
        self.orders: list[tuple[str, ...]] = [FIRST_ORDER] * REPLICAS
        self._switched_at = [0.0] * REPLICAS
        self.replicas: list[ReplicaProcess | None] = [None] * REPLICAS
        self.lives: list[Life] = []  # held, with whatever waits for ever
        self.seen: dict[tuple[int, str], Replica] = {}  # stores that one replica sees in the place of those of the rest
        self.clients_done = False
        self.refusals: list[str] = []  # of orders
        self.breaches: list[Breach] = []
        self.complaints: list[str] = []
        self.deleted_at_one: tuple[float, int] | None = None  # the moment, and the memory
        self.bugs: list[BaseException] = []
        self._read = 0.0

    def reading(self) -> float:
        """Return the moment, later by a trifle than any before, so that it is known which of two things came first."""
        self._read = max(self.clock(), self._read + _TRIFLE)
        return self._read

    async def prepare(self) -> None:
        """Make the providers of the first order members with everything, store the old, and start all replicas."""
        founded = not self.script.has(UpsetKind.FOUNDING)
        for connection in set(self.connections) if founded else ():
            journal = SqliteJournal(connection.journal_id, InlineRunner(connection), InlineRunner(connection))
            await journal.installation(INSTALLATION)
            for name in FIRST_ORDER:
                await journal.join(name, await self.stores[name].identity())
                await journal.mark(name, MemberState.COMPLETE)
        for memory in self.script.old:
            version = int((self.clock() - OLD) * 1000) << COUNTER_BITS
            state = NewMemory(
                owner=owner_of(memory),
                content=first_content(memory),
                memory_id=id_of(memory),
                version=version,
                created_at=moment_of(version),
            )
            for name in FIRST_ORDER if founded else FIRST_ORDER[1:]:
                await self.stores[name].store_many([state])
        await asyncio.sleep(max(map(self.script.staleness, PROVIDERS)))  # until all this is shown
        self.all_start()
        while not all(replica is not None and replica.serves for replica in self.replicas):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
        self.began = self.clock()  # of what the script tells

    def store_of(self, index: int, name: str) -> Replica:
        """Return the store that a replica sees under a name."""
        return self.seen.get((index, name)) or self.stores[name]

    def another_store(self, name: str) -> Replica:
        """Return an empty store of the kind that there is under a name."""
        return self._store(name, f"another {name}")

    def _store(self, name: str, identity: str) -> Replica:
        store = self.design.store(hybrid_clock(self.clock), identity, weak=self.script.weak[PROVIDERS.index(name)])
        staleness = self.script.staleness(name)
        return StaleStore(store, staleness, self.design.declared(staleness), self.chance) if staleness else store

    def wall(self, index: int) -> float:
        """Return what the clock on the wall says where a replica runs."""
        return self.clock() + self.script.skews[index] + self.jumped[index]

    def start(self, index: int) -> None:
        """Start a replica, unless it runs."""
        if self.replicas[index] is None:
            self.replicas[index] = ReplicaProcess(self, index)

    def all_start(self) -> None:
        """Start all replicas."""
        for index in range(REPLICAS):
            self.start(index)

    async def end(self, index: int) -> None:
        """End a replica, if it runs, without a word."""
        replica = self.replicas[index]
        self.replicas[index] = None
        if replica is not None:
            await replica.end()

    async def all_end(self) -> None:
        """End all replicas."""
        for index in range(REPLICAS):
            await self.end(index)

    def home_at(self, index: int) -> str | None:
        """Return the name of the provider that is home for a replica."""
        replica = self.replicas[index]
        home = None if replica is None else replica.route.home
        return None if home is None else home.name

    async def crash(self, crash: Crash) -> None:
        """End a replica, and start another in its place."""
        await asyncio.sleep(crash.at)
        if self.replicas[crash.replica] is not None:
            await self.end(crash.replica)
            await asyncio.sleep(crash.seconds)
            if self.replicas[crash.replica] is None:  # whoever changes a journal has perhaps started it meanwhile
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
        if replica is not None and replica.serves:
            replica.watch(replica.follow(switch.order))

    def note_bug(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task that nothing but a bug can have ended."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.bugs.append(error)

    def filled(self) -> bool:
        """Return whether every provider has received everything."""
        states = [row for connection in self.connections for row in connection.rows("SELECT name, state FROM members")]
        return all((name, MemberState.COMPLETE) in states for name in self.script.order)

    def all_accepted(self) -> bool:
        """Return whether every provider has received everything, and every replica reads from it."""
        order = set(self.script.order)
        return self.filled() and all(replica and order <= replica.route.in_sync for replica in self.replicas)

    async def close(self) -> None:
        """End everything."""
        await self.all_end()
        for task in self.weather.late:
            task.cancel()
        await asyncio.gather(*self.weather.late, return_exceptions=True)
        for connection in set(self.connections):
            connection.close()
