"""How long a provider usually takes is learned from its answers, and what it is given follows from that."""

import pytest

from providers.chain.latency_estimate import LEAST_SAMPLES, SAMPLES, LatencyEstimate, LatencyEstimates, hang_timeout
from providers.chain.policy import OperationClass
from providers.expectations import LEAST_TRY, MOST_TRY, USUAL_FACTOR

RECALL, REMEMBER = OperationClass.RECALL, OperationClass.REMEMBER


def test_before_anything_is_known_it_is_as_expected() -> None:
    """The expectation goes when there are enough answers."""
    usual = LatencyEstimate(2.0)
    values = [usual.value]
    for _ in range(LEAST_SAMPLES):
        usual.add(0.1)
        values.append(usual.value)

    assert values == [2.0] * LEAST_SAMPLES + [0.1]


def test_one_slow_answer_of_many_is_not_usual() -> None:
    """But one of ten is."""
    rare, often = LatencyEstimate(1.0), LatencyEstimate(1.0)
    for number in range(SAMPLES):
        rare.add(4.0 if number % 16 == 0 else 0.1)
        often.add(4.0 if number % 8 == 0 else 0.1)

    assert (rare.value, often.value) == (0.1, 4.0)


def test_what_was_long_ago_is_forgotten() -> None:
    """The last answers count."""
    usual = LatencyEstimate(1.0)
    for seconds in [3.0] * SAMPLES + [0.2] * SAMPLES:
        usual.add(seconds)

    assert usual.value == 0.2


@pytest.mark.parametrize(
    ("usual", "given"),
    [(0.0, LEAST_TRY), (0.01, LEAST_TRY), (0.5, USUAL_FACTOR * 0.5), (3.0, MOST_TRY), (100.0, MOST_TRY)],
)
def test_the_hang_timeout_is_some_times_what_is_usual(usual: float, given: float) -> None:
    """Never less than the least, never more than the most."""
    assert hang_timeout(usual) == given


def test_each_class_of_operations_is_known_apart() -> None:
    """A provider that searches slowly need not store slowly."""
    usual = LatencyEstimates(0.3)
    for _ in range(LEAST_SAMPLES):
        usual.add(RECALL, 1, 1.0)
        usual.add(REMEMBER, 1, 0.01)

    assert (usual.need(RECALL), usual.need(REMEMBER)) == (3.0, LEAST_TRY)


def test_a_batch_is_judged_by_its_memories() -> None:
    """What each of a hundred took tells how long a thousand take."""
    usual = LatencyEstimates(0.3)
    for _ in range(LEAST_SAMPLES):
        usual.add(REMEMBER, 100, 0.1)

    assert usual.seconds(REMEMBER, 1_000) == pytest.approx(1.0)
    assert usual.seconds(REMEMBER, 2) == 0.3  # as expected of a single one, since none has been seen


def test_what_was_given_up_counts_when_the_provider_was_only_slow() -> None:
    """Not before that is known: a provider that hangs says nothing about how long it takes."""
    usual = LatencyEstimates(0.3)
    for _ in range(LEAST_SAMPLES):
        usual.add(RECALL, 1, 0.01)
    for _ in range(LEAST_SAMPLES):
        usual.abandon(RECALL, 1, 1.0)
    before = usual.need(RECALL)
    usual.count_abandoned()

    assert (before, usual.need(RECALL)) == (LEAST_TRY, USUAL_FACTOR * 1.0)
