"""The latencies that the console draws as lines."""

from app.console.sparkline import HEIGHT, rate_line, sparkline
from observability.callers import Ends
from observability.latency import INTERVAL_SECONDS, LatencyHistory
from tests.support.clock import FakeClock


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
    drawn = sparkline(history, "a", "the attempts at a")

    assert steps[-6:] == [True, False, True, False, True, True]
    assert drawn is not None
    assert (drawn.median.count("M"), drawn.median.count("L"), drawn.failed.count("M")) == (3, 1, 1)


def test_a_line_stays_in_its_picture() -> None:
    """Whatever the numbers are; the words have them all, with their unit."""
    history = LatencyHistory(FakeClock())
    history.add("a", 1234.5, failed=False)
    history.add("a", 0.0001, failed=True)

    drawn = sparkline(history, "a", "the attempts at a")

    assert drawn is not None
    places = [float(part) for word in drawn.tail.replace("h.1", "").split() for part in [word.lstrip("ML")]]
    assert min(places) >= 0
    assert places[1] <= HEIGHT
    assert drawn.top.endswith(" ms")
    assert "in milliseconds, over the last 15 minutes in steps of 15 seconds" in drawn.title
    assert "1 of 2 failed." in drawn.title


def test_who_was_not_asked_has_no_line() -> None:
    """The page says so in words."""
    assert sparkline(LatencyHistory(FakeClock()), "a", "the attempts at a") is None


def test_the_rate_has_its_scale() -> None:
    """A step is fifteen seconds; a tick marks requests that got nothing."""
    drawn = rate_line([Ends(30), Ends(), Ends(15, errors=1)])

    assert drawn is not None
    assert (drawn.top, drawn.failed.count("M")) == ("2/s", 1)
    assert rate_line([Ends()]) is None
