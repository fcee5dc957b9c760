"""A provider is asked second while most of its tries are slow, and first again once it is quick."""

import pytest

from providers.chain.hedging.pace import (
    LEAST_TRIES,
    QUICK_ANSWERS,
    SAMPLED_READS,
    SAMPLED_SECONDS,
    WINDOW_SECONDS,
    Pace,
)
from providers.chain.policy import OperationClass
from tests.support.clock import FakeClock

_QUICK, _SLOW = 0.01, 5.0  # seconds
READ = OperationClass.READ


def _pace(clock: FakeClock) -> Pace:
    return Pace(0.05, clock)


def _slow_one(clock: FakeClock) -> Pace:
    pace = _pace(clock)
    for _ in range(LEAST_TRIES):
        pace.unanswered(READ, 1, _SLOW)
    assert pace.second
    return pace


@pytest.mark.parametrize(("quick", "slow", "second"), [(5, 5, True), (6, 5, False), (0, 9, False), (0, 10, True)])
def test_half_of_enough_tries_are_too_many(quick: int, slow: int, second: bool) -> None:  # noqa: FBT001 - one expectation
    """Fewer tries than that prove nothing."""
    pace = _pace(FakeClock())
    for _ in range(quick):
        pace.answered(READ, 1, _QUICK)
    for _ in range(slow):
        pace.unanswered(READ, 1, _SLOW)

    assert pace.second is second


def test_what_lies_long_back_does_not_count() -> None:
    """Neither the slow tries nor the quick ones."""
    clock = FakeClock()
    pace = _pace(clock)
    for _ in range(LEAST_TRIES - 1):
        pace.unanswered(READ, 1, _SLOW)
    clock.pass_by(WINDOW_SECONDS + 1)
    pace.unanswered(READ, 1, _SLOW)

    assert not pace.second


def test_a_slow_answer_counts_like_none() -> None:
    """What took longer than patience is slow, whether an answer came in the end or not."""
    pace = _pace(FakeClock())
    for _ in range(LEAST_TRIES):
        pace.answered(READ, 1, pace.patience.seconds(READ))

    assert pace.second


def test_what_was_given_up_in_time_says_nothing() -> None:
    """A caller may go before patience has ended."""
    pace = _pace(FakeClock())

    assert not any(pace.unanswered(READ, 1, pace.patience.seconds(READ) - 0.01) for _ in range(2 * LEAST_TRIES))
    assert not pace.second


@pytest.mark.parametrize(("operation", "size"), [(OperationClass.REMEMBER, 1), (OperationClass.REPLAY, 1), (READ, 2)])
def test_only_single_reads_count(operation: OperationClass, size: int) -> None:
    """A slow write is no reason to read elsewhere."""
    pace = _pace(FakeClock())
    for _ in range(2 * LEAST_TRIES):
        pace.unanswered(operation, size, _SLOW)

    assert not pace.second


def test_one_read_in_a_hundred_is_a_sample() -> None:
    """However many come in a second."""
    pace = _slow_one(FakeClock())

    assert [pace.take_sample() for _ in range(2 * SAMPLED_READS)].count(True) == 2


def test_one_read_in_a_second_is_a_sample() -> None:
    """However few there are."""
    clock = FakeClock()
    pace = _slow_one(clock)
    samples = []
    for _ in range(10):
        clock.pass_by(SAMPLED_SECONDS / 2)
        samples.append(pace.take_sample())

    assert samples == [False, True] * 5


def test_quick_samples_bring_it_back() -> None:
    """A slow one among them begins the count anew."""
    pace = _slow_one(FakeClock())
    for _ in range(QUICK_ANSWERS - 1):
        pace.answered(READ, 1, _QUICK)
    pace.unanswered(READ, 1, _SLOW)
    for _ in range(QUICK_ANSWERS - 1):
        pace.answered(READ, 1, _QUICK)

    before = pace.second
    pace.answered(READ, 1, _QUICK)

    assert (before, pace.second, pace.mostly_slow) == (True, False, False)


def test_a_few_reads_in_a_row_are_most_of_the_last() -> None:
    """A hang is recognised before the budget for hedges is used up, whatever came before it."""
    pace = _pace(FakeClock())
    for _ in range(1_000):
        pace.note_read(in_time=True)
    slow = []
    for _ in range(3):
        pace.note_read(in_time=False)
        slow.append(pace.mostly_slow)

    assert slow == [False, False, True]


def test_a_call_about_many_memories_teaches_nothing() -> None:
    """It takes as long as there are many."""
    pace = _pace(FakeClock())
    before = pace.patience.seconds(OperationClass.REMEMBER)
    for _ in range(100):
        pace.answered(OperationClass.REMEMBER, 100, 1.0)

    assert pace.patience.seconds(OperationClass.REMEMBER) == before
