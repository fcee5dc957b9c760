"""The checker finds out every design that keeps less of the history of memories than it promises."""

from collections.abc import Callable

import pytest

from tests.simulation.design import Design
from tests.simulation.drawing import script_of
from tests.simulation.history_mutants import HISTORY_MUTANTS
from tests.simulation.run import run
from tests.simulation.versions import judges

_MOST_SEEDS = 150


@pytest.mark.parametrize("mutant", HISTORY_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_design_that_loses_versions_is_found_out(
    mutant: type[Design], record_property: Callable[[str, object], None]
) -> None:
    """By what is left in the stores, within so many runs."""
    scripts = (script for script in map(script_of, range(_MOST_SEEDS)) if judges(script))
    found = next((script.seed for script in scripts if run(script, mutant()).unsettled), None)

    record_property("seeds", found)
    assert found is not None
