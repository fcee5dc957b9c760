"""Designs that give a key to another memory before they are done with the one that it named are found out."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec.structs import replace

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.chain.route import Route
from providers.journal.base import Journal
from providers.journal.operations import JournalEntry
from providers.owners import Owner
from providers.states.clock import keyed_memory_id
from providers.types import NewMemory
from tests.simulation.design import RealDesign
from tests.simulation.drawing import script_with
from tests.simulation.journal import FaultyRunner, SimulatedJournal
from tests.simulation.run import run
from tests.support.chain_rig import ChainRig


class KeyReusedBeforeDeletion(RealDesign):
    """A key names another memory while the one that it named is neither hidden nor deleted: its overlay has no keys."""

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


_MOST_SEEDS = 150


@pytest.mark.thorough
@pytest.mark.parametrize("mutant", [KeyReusedBeforeDeletion, IdsFromKeys], ids=lambda mutant: mutant.__name__)
def test_a_key_given_away_too_early_is_found_out(mutant: type[RealDesign]) -> None:
    """Some client gets an answer that is not true within so many runs."""
    assert any(run(script_with(seed, None), mutant()).broken for seed in range(_MOST_SEEDS))
