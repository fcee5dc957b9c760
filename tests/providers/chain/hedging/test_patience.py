"""Patience is learned from good times, and no fault teaches it."""

import pytest

from providers.chain.hedging.patience import (
    LEAST_ANSWERS,
    REMEMBERED_SECONDS,
    SLICE_SECONDS,
    LearnedPatience,
    Patience,
)
from providers.chain.policy import HedgingPolicy, OperationClass
from tests.support.clock import FakeClock

_GOOD, _SLOW = 0.2, 1.5  # seconds
_A_FIFTH = 1.2
FACTOR = HedgingPolicy().factor
LEAST, MOST = HedgingPolicy().least_patience, HedgingPolicy().most_patience


def _live(patience: Patience, clock: FakeClock, latency: float, seconds: float) -> None:
    """Let answers come twice a second, each of which took so long."""
    for _ in range(int(2 * seconds)):
        clock.pass_by(0.5)
        patience.add(latency)


def test_it_is_expected_until_there_are_answers() -> None:
    """One answer fewer than is enough changes nothing."""
    patience = Patience(0.3, FakeClock())
    for _ in range(LEAST_ANSWERS - 1):
        patience.add(0.06)

    before = patience.seconds
    patience.add(0.06)

    assert before == FACTOR * 0.3
    assert FACTOR * 0.06 <= patience.seconds <= _A_FIFTH * FACTOR * 0.06


@pytest.mark.parametrize(("latency", "seconds"), [(0.000_1, LEAST), (0.002, LEAST), (30.0, MOST)])
def test_it_has_bounds(latency: float, seconds: float) -> None:
    """However quick or slow a provider is."""
    clock = FakeClock()
    patience = Patience(0.3, clock)

    _live(patience, clock, latency, 3 * SLICE_SECONDS)

    assert patience.seconds == seconds


def test_a_fault_does_not_teach_it() -> None:
    """As long as there was a good time within the hour."""
    clock = FakeClock()
    patience = Patience(0.3, clock)
    _live(patience, clock, _GOOD, 2 * SLICE_SECONDS)

    learned = patience.seconds
    _live(patience, clock, _SLOW, REMEMBERED_SECONDS - 3 * SLICE_SECONDS)

    assert patience.seconds == learned < _A_FIFTH * FACTOR * _GOOD


def test_what_lasts_longer_than_an_hour_is_how_the_provider_is() -> None:
    """A memory that has grown tenfold is not a fault."""
    clock = FakeClock()
    patience = Patience(0.3, clock)
    _live(patience, clock, _GOOD, 2 * SLICE_SECONDS)

    _live(patience, clock, 2 * _GOOD, REMEMBERED_SECONDS + 2 * SLICE_SECONDS)

    assert patience.seconds >= FACTOR * 2 * _GOOD


def test_a_good_time_counts_at_once() -> None:
    """A process that started during a fault does not stay patient for an hour."""
    clock = FakeClock()
    patience = Patience(0.3, clock)
    _live(patience, clock, _SLOW, 2 * SLICE_SECONDS)

    _live(patience, clock, _GOOD, 2 * SLICE_SECONDS)

    assert patience.seconds < _A_FIFTH * FACTOR * _GOOD


def test_one_in_a_hundred_may_be_slow() -> None:
    """It is the 99th percentile that counts."""
    clock = FakeClock()
    patience = Patience(0.3, clock)
    for number in range(1_000):
        clock.pass_by(0.1)
        patience.add(_SLOW if number % 150 == 0 else _GOOD)

    assert patience.seconds < _A_FIFTH * FACTOR * _GOOD


def test_each_class_of_operations_has_its_own() -> None:
    """That reads are quick says nothing of writes."""
    patience = LearnedPatience(0.3, FakeClock())
    for _ in range(LEAST_ANSWERS):
        patience.of(OperationClass.READ).add(0.01)

    assert patience.seconds(OperationClass.READ) == LEAST
    assert patience.seconds(OperationClass.RECALL) == FACTOR * 0.3
    assert patience.seconds(OperationClass.REMEMBER) == FACTOR * 0.3
