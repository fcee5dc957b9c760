"""A user is erased in runs in which everything else goes wrong, and nothing brings anything of the user back."""

import pytest

from tests.simulation.design import RealDesign
from tests.simulation.erasing import run_erasing
from tests.simulation.erasure_mutants import ForgetsDeadLetters, ForgetsRestoredStores

_SEEDS = 4
_THOROUGH_SEEDS = 150
_SOAK_SEEDS = 2_000
_MOST_SEEDS = 12


def _check(seeds: range) -> None:
    assert {seed: wrong for seed in seeds if (wrong := run_erasing(seed).wrong)} == {}


def test_nothing_of_an_erased_user_is_left() -> None:
    """Nor of the journal, nor in a store that was put back; what the user writes afterwards stays."""
    _check(range(_SEEDS))


@pytest.mark.thorough
def test_nothing_of_an_erased_user_is_left_in_more_runs() -> None:
    """As above."""
    _check(range(_SEEDS, _THOROUGH_SEEDS))


@pytest.mark.soak
def test_nothing_of_an_erased_user_is_left_for_long() -> None:
    """As above, in runs that no other test has seen."""
    _check(range(_THOROUGH_SEEDS, _SOAK_SEEDS))


def test_stores_are_put_back() -> None:
    """In some runs, and in others not."""
    assert {run_erasing(seed).restored for seed in (2, 3)} == {True, False}


@pytest.mark.parametrize("mutant", [ForgetsDeadLetters, ForgetsRestoredStores], ids=lambda mutant: mutant.__name__)
def test_an_erasure_that_forgets_something_is_found_out(mutant: type[RealDesign]) -> None:
    """Within so many runs."""
    assert any(run_erasing(seed, mutant()).wrong for seed in range(_MOST_SEEDS))
