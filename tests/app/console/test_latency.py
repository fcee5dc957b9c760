"""The latencies that the console draws: kept in a bounded ring, told as percentiles, drawn as lines."""

import pytest
from prometheus_client import CollectorRegistry

from app.console.latency import INTERVAL_SECONDS, INTERVALS, LatencyHistory, LatencyObserver
from app.console.sparkline import HEIGHT, sparkline
from observability.metrics import Metrics
from providers.chain.observer import Attempt
from providers.chain.policy import OperationClass
from tests.support.clock import FakeClock


def tried(outcome: str, seconds: float = 0.01) -> Attempt:
    """One attempt at `a`."""
    return Attempt(provider="a", operation=OperationClass.READ, outcome=outcome, seconds=seconds, number=1)


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


def test_an_interval_without_attempts_is_a_gap() -> None:
    """What is not known is not drawn."""
    clock = FakeClock(0.0)
    history = LatencyHistory(clock)
    for _ in range(2):
        history.add("a", 0.01, failed=False)
        clock.now += 2 * INTERVAL_SECONDS
    history.add("a", 0.01, failed=False)
    clock.now += INTERVAL_SECONDS
    history.add("a", 0.01, failed=True)

    steps = [step is not None for step in history.steps("a")]
    drawn = sparkline(history, "a")

    assert steps[-6:] == [True, False, True, False, True, True]
    assert drawn is not None
    assert (drawn.median.count("M"), drawn.median.count("L"), drawn.failed.count("M")) == (3, 1, 1)


def test_a_line_stays_in_its_picture() -> None:
    """Whatever the numbers are; the words have them all, with their unit."""
    history = LatencyHistory(FakeClock())
    history.add("a", 1234.5, failed=False)
    history.add("a", 0.0001, failed=True)

    drawn = sparkline(history, "a")

    assert drawn is not None
    places = [float(part) for word in drawn.tail.replace("h.1", "").split() for part in [word.lstrip("ML")]]
    assert min(places) >= 0
    assert places[1] <= HEIGHT
    assert "in milliseconds, over the last 15 minutes in steps of 15 seconds" in drawn.title
    assert "1 of 2 attempts failed." in drawn.title


def test_who_was_not_asked_has_no_line() -> None:
    """The page says so in words."""
    assert sparkline(LatencyHistory(FakeClock()), "a") is None


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("ok", (1, 0)),
        ("timed_out", (1, 1)),
        ("cut_short", (1, 1)),
        ("bug", (1, 1)),
        ("breaker_open", None),
        ("bulkhead_full", None),
        ("no_time_left", None),
        ("cancelled", None),
    ],
)
def test_what_did_not_reach_the_provider_tells_nothing_of_it(outcome: str, told: tuple[int, int] | None) -> None:
    """A refusal of ours takes no time, and would make a provider that is down look fast."""
    observer = LatencyObserver(Metrics(CollectorRegistry()))
    observer.tried(tried(outcome))

    whole = observer.history.whole("a")

    assert (None if whole is None else (whole.count, whole.failed)) == told
