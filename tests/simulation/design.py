"""How a replica is built: the parts that a broken design replaces."""

from collections.abc import Callable
from typing import Protocol

from providers.base import MemoryProvider
from providers.chain.erasing.eraser import Eraser
from providers.chain.expiring.sweeper import ExpirySweeper
from providers.chain.membership import Membership
from providers.chain.route import Route
from providers.journal.base import Journal
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.opening import open_memory
from providers.memory.provider import MockMemoryProvider
from providers.replica import Replica
from providers.retention import Retention
from providers.states.clock import HybridClock
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.script import REPLICAS
from tests.simulation.stores import WeakStore
from tests.support.chain_rig import ChainRig


class Design(Protocol):
    """How a replica is built: the real thing, or one of the designs that do not keep the promises."""

    patrols: bool = True  # whether the complete stores are compared, where a script has that done

    def connections(self, now: Callable[[], float], wall: Callable[[], float]) -> list[JournalConnection]:
        """Return the connection of each replica, usually one for all; `wall` is a clock that may be set."""

    def declared(self, staleness: float) -> float:
        """Return the staleness that a store tells of itself."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """Return a provider's store."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return the journal as one replica uses it."""

    def route(self, route: Route) -> Route:
        """Return the route that a replica puts in force when this one is due."""

    def membership(self, membership: Membership) -> Membership:
        """Return what keeps a replica's members and its route in line."""

    def sweeper(self, sweeper: ExpirySweeper) -> ExpirySweeper:
        """Return what erases what has expired."""

    def eraser(self, eraser: Eraser) -> Eraser:
        """Return what erases users."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a replica's provider; `trusted` is whether its journal is that of the installation."""

    def called(self, provider: MemoryProvider, route: Callable[[], Route]) -> MemoryProvider:
        """Return what clients call of a replica with this provider and this route."""
        return provider


class RealDesign(Design):
    """What is shipped."""

    def connections(self, now: Callable[[], float], wall: Callable[[], float]) -> list[JournalConnection]:
        """See `Design`."""
        return [open_memory(now)] * REPLICAS

    def declared(self, staleness: float) -> float:
        """See `Design`."""
        return staleness

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """See `Design`."""
        return WeakStore(clock, name) if weak else MockMemoryProvider(clock, retention=Retention())

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """See `Design`."""
        return SimulatedJournal(runner, looks=looks)

    def route(self, route: Route) -> Route:
        """See `Design`."""
        return route

    def membership(self, membership: Membership) -> Membership:
        """See `Design`."""
        return membership

    def sweeper(self, sweeper: ExpirySweeper) -> ExpirySweeper:
        """See `Design`."""
        return sweeper

    def eraser(self, eraser: Eraser) -> Eraser:
        """See `Design`."""
        return eraser

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """See `Design`."""
        return rig.chained(route, trusted=trusted)
