"""Memories that expire, while the clock of one process is two hours ahead of all others."""

import pytest

from tests.simulation.drawing import lapsing_script
from tests.simulation.events import Ending
from tests.simulation.expiry_mutants import ErasesByReadersClock
from tests.simulation.run import run
from tests.simulation.script import Act

_SEEDS = 30
_SOAK_SEEDS = 3_000
_MOST_SEEDS = 30


def _check(seeds: range) -> None:
    assert {seed: wrong for seed in seeds if (wrong := run(lapsing_script(seed)).wrong)} == {}


@pytest.mark.thorough
def test_nothing_is_erased_by_a_clock_that_is_ahead() -> None:
    """Who reads by it sees less, and everybody else sees what is there; what has expired nobody sees."""
    _check(range(_SEEDS))


@pytest.mark.soak
def test_nothing_is_erased_by_a_clock_that_is_ahead_for_long() -> None:
    """As above, in runs that no other test has seen."""
    _check(range(_SEEDS, _SOAK_SEEDS))


def test_what_has_expired_is_erased() -> None:
    """In some run before it ends: whoever stores it again is told that it was deleted."""
    assert any(
        event.act is Act.REMEMBER and event.ending is Ending.ABSENT
        for seed in range(_SEEDS)
        for event in run(lapsing_script(seed)).events
    )


def test_a_sweep_by_the_clock_of_a_reader_is_found_out() -> None:
    """It erases for everybody what has expired for nobody else."""
    assert any(
        "which is there" in wrong
        for seed in range(_MOST_SEEDS)
        for wrong in run(lapsing_script(seed), ErasesByReadersClock()).broken
    )
