"""The checker finds every broken design out, by what its clients see and by what is left in the end."""

from collections.abc import Callable

import pytest

from tests.simulation.design import Design, RealDesign
from tests.simulation.drawing import script_of, script_with
from tests.simulation.hedging_mutants import StaleLoserWins
from tests.simulation.mutants import MUTANTS
from tests.simulation.run import run
from tests.simulation.tenant_mutants import TENANT_MUTANTS
from tests.simulation.upset_mutants import UPSET_MUTANTS
from tests.simulation.upsets import UpsetKind

_MOST_SEEDS = 150
_OTHER_SEEDS = 2  # without any change behind the chain's back
_SOAK_OTHER_SEEDS = 40  # of each kind that is not the mutant's own

# Whom it takes most runs to find out.
_SUBTLE = {"ClearsHome", "LastWriterWins", "SettlesFirst", "StaleLoserWins", "StoresDropTenant", "TraceDropped"}
_BROKEN = [
    pytest.param(mutant, id=name, marks=pytest.mark.thorough if name in _SUBTLE else ())
    for mutant in (*MUTANTS, *TENANT_MUTANTS, StaleLoserWins)
    for name in [mutant.__name__]
]
_UPSETS = [(mutant, kind) for mutant, kinds in UPSET_MUTANTS.items() for kind in sorted(kinds)]


@pytest.mark.parametrize("mutant", _BROKEN)
def test_a_broken_design_is_found_out(mutant: type[Design], record_property: Callable[[str, object], None]) -> None:
    """Some client gets an answer that is not true within so many runs."""
    seed = next((seed for seed in range(_MOST_SEEDS) if _tells_untruth(mutant, seed)), None)

    record_property("seeds", seed)
    assert seed is not None


@pytest.mark.thorough
@pytest.mark.parametrize(("mutant", "kind"), _UPSETS, ids=[f"{mutant.__name__}-{kind}" for mutant, kind in _UPSETS])
def test_a_change_behind_the_back_finds_out_who_does_not_expect_it(
    mutant: type[Design], kind: UpsetKind, record_property: Callable[[str, object], None]
) -> None:
    """Within so many runs in which something of this kind changes."""
    seed = next((seed for seed in range(_MOST_SEEDS) if run(script_with(seed, kind), mutant()).wrong), None)

    record_property("seeds", seed)
    assert seed is not None


@pytest.mark.thorough
@pytest.mark.parametrize("mutant", UPSET_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_nothing_finds_out_who_does_not_expect_one_change(mutant: type[RealDesign]) -> None:
    """In runs in which nothing changes, it keeps every promise."""
    assert [seed for seed in range(_OTHER_SEEDS) if run(script_with(seed, None), mutant()).wrong] == []


@pytest.mark.soak
@pytest.mark.parametrize("mutant", UPSET_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_nothing_else_finds_out_who_does_not_expect_one_change(mutant: type[RealDesign]) -> None:
    """As above, and in runs in which anything else changes."""
    kinds = [None, *(kind for kind in UpsetKind if kind not in UPSET_MUTANTS[mutant])]
    seeds = range(_SOAK_OTHER_SEEDS)
    assert [(kind, seed) for kind in kinds for seed in seeds if run(script_with(seed, kind), mutant()).wrong] == []


def _tells_untruth(mutant: type[Design], seed: int) -> bool:
    # That some designs do not say who answered is not what is wrong with them.
    return any(not broken.startswith("does not tell") for broken in run(script_of(seed), mutant()).broken)
