"""How a replica is built: the parts that a broken design replaces."""

from collections.abc import Callable
from typing import Protocol

from providers.base import MemoryProvider
from providers.chain.chained import ChainedProvider
from providers.chain.route import Route
from providers.journal.base import Journal
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.opening import open_memory
from providers.memory.provider import MockMemoryProvider
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.script import REPLICAS
from tests.simulation.stores import WeakStore


class Design(Protocol):
    """How a replica is built: the real thing, or one of the designs that do not keep the promises."""

    def connections(self, now: Callable[[], float]) -> list[JournalConnection]:
        """Give the connection of each replica, usually one for all."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """Make a provider's store."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Make the journal as one replica uses it."""

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """Put a replica's provider together."""


class RealDesign(Design):
    """What is shipped."""

    def connections(self, now: Callable[[], float]) -> list[JournalConnection]:
        """See `Design`."""
        return [open_memory(now)] * REPLICAS

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """See `Design`."""
        return WeakStore(clock, name) if weak else MockMemoryProvider(clock)

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """See `Design`."""
        return SimulatedJournal(runner, looks=looks)

    def provider(self, route: Route, journal: Journal, clock: HybridClock, now: Callable[[], float]) -> MemoryProvider:
        """See `Design`."""
        return ChainedProvider(route, journal, clock, now=now)
