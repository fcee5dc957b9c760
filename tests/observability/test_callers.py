"""Callers' requests of the last minutes."""

from observability.callers import MINUTE, CallerHistory, Ends
from observability.latency import INTERVAL_SECONDS, INTERVALS
from observability.notes import Notes
from tests.support.clock import FakeClock

RECALL = "/memory/recall"


def history(clock: FakeClock) -> CallerHistory:
    """A history at this time of which `/memory/...` are the callers' routes."""
    return CallerHistory(lambda route: route.startswith("/memory/"), clock, lambda: 7.0)


def test_each_end_is_counted_once() -> None:
    """A refusal for too much work is no error of the service, whatever its status; nor is a mistake of a caller."""
    seen = history(FakeClock())
    for status, notes in (
        (200, Notes("1")),
        (200, Notes("2", degraded=["home_away"])),
        (400, Notes("3")),
        (503, Notes("4", shed="limit")),
        (503, Notes("5", failure="the disk is full")),
    ):
        seen.add("POST", RECALL, status, 0.01, notes)
    seen.add("GET", "/console", 500, 0.01, Notes("6"))

    assert seen.operations() == [f"POST {RECALL}"]
    assert seen.ends(f"POST {RECALL}") == Ends(5, errors=1, refused=1, degraded=1)
    assert seen.last_failure is not None
    assert (seen.last_failure.reason, seen.last_failure.request_id, seen.last_failure.at) == (
        "the disk is full",
        "5",
        7.0,
    )


def test_what_is_older_than_the_window_is_gone() -> None:
    """From every number; what was the last failure is still told."""
    clock = FakeClock(0.0)
    seen = history(clock)
    seen.add("POST", RECALL, 500, 0.01, Notes("1"))
    clock.now += (MINUTE - 1) * INTERVAL_SECONDS
    assert seen.ends(f"POST {RECALL}", MINUTE).errors == 1
    clock.now += INTERVAL_SECONDS
    assert (seen.ends(f"POST {RECALL}", MINUTE).errors, seen.steps()[-1 - MINUTE].errors) == (0, 1)

    clock.now += (INTERVALS - MINUTE) * INTERVAL_SECONDS

    assert seen.operations() == []
    assert sum(step.requests for step in seen.steps()) == 0
    assert seen.last_failure is not None


def test_the_rate_is_that_of_the_last_minute() -> None:
    """The interval under way counts as far as it has gone."""
    clock = FakeClock(0.0)
    seen = history(clock)
    clock.now = 60.0 + INTERVAL_SECONDS / 2
    for _ in range(105):
        seen.add("POST", RECALL, 200, 0.01, Notes("1"))

    assert seen.rate() == 105 / (45 + INTERVAL_SECONDS / 2)
