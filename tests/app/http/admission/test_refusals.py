"""When those that are refused are asked to come back, and what the log tells of them."""

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from app.http.admission.refusals import MOST_SECONDS, ReturnTimes
from app.http.admission.shedding import SECONDS_BETWEEN, Shedding
from observability.metrics import Metrics


def test_later_ones_are_asked_to_stay_away_longer() -> None:
    """By the time that it takes to do what was refused before them, within bounds."""
    times = ReturnTimes()
    asked = [times.after(100.0, 100.0, now=0.0) for _ in range(MOST_SECONDS + 5)]

    assert asked == [*range(1, MOST_SECONDS + 1), *[MOST_SECONDS] * 5]


def test_what_was_refused_long_ago_is_forgotten() -> None:
    """Since by now it can have been done."""
    times = ReturnTimes()
    for _ in range(10):
        times.after(100.0, 100.0, now=0.0)

    assert times.after(100.0, 100.0, now=8.0) == 3
    assert times.after(100.0, 100.0, now=1_000.0) == 1


def test_before_anything_is_known_it_is_a_second() -> None:
    """There has been no interval yet."""
    assert ReturnTimes().after(100.0, 0.0, now=0.0) == 1


def test_the_log_names_callers_now_and_then() -> None:
    """The first refusal at once, then the three that were refused most often, and nothing when nobody was."""
    shedding = Shedding(Metrics(CollectorRegistry()))
    with capture_logs() as lines:
        shedding.count("callers", "limit", "a", 0.0)
        for caller, times in {"a": 1, "b": 5, "c": 3, "d": 2}.items():
            for _ in range(times):
                shedding.count("callers", "share", caller, 1.0)
        shedding.tell(SECONDS_BETWEEN - 0.1)
        shedding.tell(SECONDS_BETWEEN)
        shedding.tell(3 * SECONDS_BETWEEN)

    assert [(line["number"], line["callers"]) for line in lines] == [(1, {"a": 1}), (11, {"b": 5, "c": 3, "d": 2})]
