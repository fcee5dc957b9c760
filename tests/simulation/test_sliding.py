"""Memories whose expiry slides: what was touched is not erased, and nobody's change is lost by a touch."""

import pytest

from tests.simulation.design import Design
from tests.simulation.run import Run, run
from tests.simulation.sliding import Sliding, sliding_script
from tests.simulation.sliding_mutants import SweepsByHomeAlone, WritesWhatWasRead

_SEEDS = 30
_SOAK_SEEDS = 3_000
_MOST_SEEDS = 30


def _ran(seed: int, design: Design | None = None) -> Run:
    return run(sliding_script(seed), design, Sliding(seed))


def _check(seeds: range) -> None:
    assert {seed: wrong for seed in seeds if (wrong := _ran(seed).wrong)} == {}


@pytest.mark.thorough
def test_nothing_that_was_touched_is_erased() -> None:
    """Whichever store knows of it, and whatever fails; and every other promise is kept."""
    _check(range(_SEEDS))


@pytest.mark.soak
def test_nothing_that_was_touched_is_erased_for_long() -> None:
    """As above, in runs that no other test has seen."""
    _check(range(_SEEDS, _SOAK_SEEDS))


def test_what_nobody_was_given_is_erased() -> None:
    """In some run, everywhere: so the sweeps are at work."""
    sliding = Sliding(0)

    run(sliding_script(0), None, sliding)

    assert sliding.erased


def test_a_sweep_that_asks_home_alone_is_found_out() -> None:
    """It erases what a standby knows to be touched."""
    assert any(
        "which was touched" in wrong for seed in range(_MOST_SEEDS) for wrong in _ran(seed, SweepsByHomeAlone()).broken
    )


def test_a_touch_that_writes_what_was_read_is_found_out() -> None:
    """It undoes what others have changed since."""
    assert any(_ran(seed, WritesWhatWasRead()).broken for seed in range(_MOST_SEEDS))
