"""Latencies are kept in a bounded ring, and shown as percentiles."""

import pytest

from observability.latency import INTERVAL_SECONDS, INTERVALS, LatencyHistory
from tests.support.clock import FakeClock


def test_percentiles_are_told_to_within_five_percent() -> None:
    """Of a hundred attempts of 1 to 100 ms half stay below 50 ms, and 95 below 95."""
    history = LatencyHistory(FakeClock())
    for number in range(1, 101):
        history.add("a", number / 1000, failed=number % 10 == 0)

    whole = history.whole("a")

    assert whole is not None
    assert (whole.count, whole.failed) == (100, 10)
    assert whole.median == pytest.approx(0.050, rel=0.05)
    assert whole.tail == pytest.approx(0.095, rel=0.05)


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 1e-9, 1e4])
def test_every_length_has_a_place(seconds: float) -> None:
    """A clock may stand still, and a batch may take long."""
    history = LatencyHistory(FakeClock())
    history.add("a", seconds, failed=False)

    whole = history.whole("a")

    assert whole is not None
    assert whole.median == pytest.approx(max(seconds, 0.0001), rel=0.06)


def test_only_the_last_minutes_are_kept() -> None:
    """Whatever happened, there are so many intervals and no more, of those providers alone that were asked lately."""
    clock = FakeClock()
    history = LatencyHistory(clock)
    history.add("gone", 0.01, failed=False)
    for _ in range(3 * INTERVALS):
        clock.now += INTERVAL_SECONDS
        history.add("a", 0.01, failed=False)

    whole = history.whole("a")
    history.add("b", 0.01, failed=False)

    assert whole is not None
    assert whole.count == INTERVALS
    assert len(history.steps("a")) == INTERVALS
    assert history.whole("gone") is None
    assert sorted(history._rings) == ["a", "b"]  # noqa: SLF001 - that it is bounded shows nowhere else
