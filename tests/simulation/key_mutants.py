"""Designs that give a key to another memory before they are done with the one that it named."""

from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from providers.answers import Found, Stored
from providers.base import MemoryProvider
from providers.chain.route import Route
from providers.journal.base import Journal
from providers.journal.operations import JournalEntry
from providers.keys.choosing import rank_of
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import HybridClock, keyed_memory_id
from providers.types import NewMemory, PageQuery
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.support.chain_rig import ChainRig


class KeyReusedBeforeDeletion(RealDesign):
    """A key names its newest memory, and nobody deletes the one that it named before."""

    def store(self, clock: HybridClock, name: str, *, weak: bool) -> Replica:  # noqa: ARG002 - none of them is weak
        """Return a store that shows the newest memory of a key alone to whoever looks for others."""
        return _NewestAlone(clock)


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


class _NewestAlone(MockMemoryProvider):
    async def page(self, query: PageQuery) -> Found:
        found = await super().page(query)
        if query.key is None:
            return found
        return replace(found, memories=sorted(found.memories, key=rank_of)[-1:])


class _Keyless(SimulatedJournal):
    async def entries(self, owner: Owner, provider: str, limit: int, tombstones: int) -> list[JournalEntry]:
        found = await super().entries(owner, provider, limit, tombstones)
        return [replace(entry, state=replace(entry.state, key=None)) for entry in found]


KEY_MUTANTS = (KeyReusedBeforeDeletion, PendingKeysUnknown, IdsFromKeys)
