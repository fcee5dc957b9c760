"""The checker finds out the design that keeps less of the history of memories than it promises."""

from tests.simulation.drawing import script_of
from tests.simulation.history_mutants import CollapsesSuperseded
from tests.simulation.run import run
from tests.simulation.versions import judges

_MOST_SEEDS = 150


def test_a_journal_that_collapses_versions_is_found_out() -> None:
    """By what is left in the stores, within so many runs; the real one is right in the same run."""
    scripts = (script for script in map(script_of, range(_MOST_SEEDS)) if judges(script))
    found = next((script for script in scripts if run(script, CollapsesSuperseded()).unsettled), None)

    assert found is not None
    assert run(found).wrong == []
