"""The checker finds every broken design out, by what its clients see."""

from collections.abc import Callable

import pytest

from tests.simulation.design import Design
from tests.simulation.mutants import MUTANTS
from tests.simulation.run import run
from tests.simulation.script import script_of

_MOST_SEEDS = 150


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_broken_design_is_found_out(mutant: type[Design], record_property: Callable[[str, object], None]) -> None:
    """Some client gets an answer that is not true within so many runs."""
    seed = next((seed for seed in range(_MOST_SEEDS) if _tells_untruth(mutant, seed)), None)

    record_property("seeds", seed)
    assert seed is not None


def _tells_untruth(mutant: type[Design], seed: int) -> bool:
    # That some designs do not say who answered is not what is wrong with them.
    return any(not broken.startswith("does not tell") for broken in run(script_of(seed), mutant()).broken)
