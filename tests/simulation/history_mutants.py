"""Designs that keep less of the history of memories than they promise."""

from providers.journal.base import Journal
from providers.memory.history import History
from providers.memory.provider import MockMemoryProvider
from providers.memory.store import InMemoryStore
from providers.owners import Owner
from providers.replica import Replica
from providers.retention import Retention
from providers.states.clock import HybridClock
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal


class CollapsesSuperseded(RealDesign):
    """The journal has one operation of each memory, and delivers the newest one alone."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that forgets what is superseded."""
        return _Collapsing(runner, looks=looks)


class KeepsDeleted(RealDesign):
    """A store keeps the versions of a memory when that is deleted."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """Return a store that forgets nothing."""
        return super().store(clock, name, weak=weak) if weak else _Unforgetting(clock, retention=Retention())


class _Collapsing(SimulatedJournal):
    async def note_history(self, name: str, *, keeps: bool) -> None:
        """Believe that no store keeps any."""


class _Unforgetting(MockMemoryProvider):
    def _of(self, owner: Owner) -> InMemoryStore:
        store = super()._of(owner)
        if len(store) == 0 and store.history is not None and not store.superseded(1, None):
            store.history = _Lasting(self.retention)
        return store


class _Lasting(History):
    def erase(self, memory_id: str) -> None:
        """Keep everything."""


HISTORY_MUTANTS: tuple[type[RealDesign], ...] = (CollapsesSuperseded, KeepsDeleted)
