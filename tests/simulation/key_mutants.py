"""Designs that give a key to another memory before they are done with the one that it named."""

from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.chain.route import Route
from providers.journal.base import Journal
from providers.journal.operations import JournalEntry
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import HybridClock, keyed_memory_id
from providers.types import NewMemory
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.stores import WeakStore
from tests.support.chain_rig import ChainRig


class KeyReusedBeforeDeletion(RealDesign):
    """A key names its newest memory, and nobody deletes the one that it named before."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:
        """Return a store that shows the newest memory of a key alone to whoever looks for others."""
        return WeakStore(clock, name, newest_alone=True)


class PendingKeysUnknown(RealDesign):
    """What waits for a provider is laid over its answers without its key."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that looks so."""
        return _Keyless(runner, looks=looks)


class IdsFromKeys(RealDesign):
    """A memory has the id that its key makes, and nothing can be put under a deleted one for ever."""

    def provider(self, rig: ChainRig, route: Route, trusted: Callable[[], bool]) -> MemoryProvider:
        """Return a chain that mints ids so."""
        chained = rig.chained(route, trusted=trusted)
        store = chained.store

        def derived(memory: NewMemory) -> Coroutine[Any, Any, Stored]:
            if memory.key is None:
                return store(memory)
            return store(replace(memory, memory_id=keyed_memory_id(memory.owner.key, memory.key)))

        vars(chained)["store"] = derived
        return chained


class _Keyless(SimulatedJournal):
    async def entries(self, owner: Owner, provider: str, limit: int, tombstones: int) -> list[JournalEntry]:
        found = await super().entries(owner, provider, limit, tombstones)
        return [replace(entry, state=replace(entry.state, key=None)) for entry in found]


KEY_MUTANTS = (KeyReusedBeforeDeletion, PendingKeysUnknown, IdsFromKeys)
