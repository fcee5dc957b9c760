"""Each turn of an outage is one line, with why, since when, and what is served meanwhile."""

import pytest

from providers.chain.breaker_state import BreakerState
from providers.chain.errors import BreakerOpen, CutShort
from providers.chain.reporting.damping import MAX_REPORTS, STEADY_SECONDS
from providers.chain.reporting.dependency import LOST_FAILURES, LOST_SECONDS
from providers.errors import MemoryNotFound, Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from tests.providers.chain.reporting.teller import Teller

OPEN, HALF_OPEN, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED


def test_a_provider_is_lost_and_answers_again(teller: Teller) -> None:
    """Since the first failure, with its reason, and with who serves instead."""
    teller.fail(LOST_FAILURES)
    lost = teller.last()
    teller.clock.pass_by(9.8)
    teller.answer()

    assert lost == {
        "event": "provider_lost",
        "log_level": "warning",
        "provider": "home",
        "reason": "connection refused",
        "since": "2027-01-15T08:16:40.000000Z",
        "seconds": 0.2,
        "reads": "standby",
        "writes": "accepted",
    }
    assert teller.last() == {
        "event": "provider_answers_again",
        "log_level": "info",
        "provider": "home",
        "since": "2027-01-15T08:16:40.000000Z",
        "seconds": 10.1,
        "reads": "home",
        "writes": "stored",
    }
    assert len(teller.events) == 2


@pytest.mark.parametrize(
    ("failures", "every", "lost"),
    [
        (LOST_FAILURES - 1, 0.1, False),
        (LOST_FAILURES, 0.1, True),
        (2, LOST_SECONDS - 0.01, False),
        (2, LOST_SECONDS, True),
    ],
)
def test_a_hiccup_is_no_loss(teller: Teller, failures: int, every: float, lost: bool) -> None:  # noqa: FBT001 - what is expected
    """It takes some failures in a row, or two that lie apart."""
    teller.fail(failures, every=every)

    assert teller.events == ["provider_lost"] * lost


def test_failures_with_answers_between_them_are_no_loss(teller: Teller) -> None:
    """An answer is one too where nothing was found."""
    for _ in range(10):
        teller.fail(LOST_FAILURES - 1)
        teller.answer(error=MemoryNotFound("m"))

    assert teller.events == []


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (Unavailable("down"), True),
        (Misconfigured("wrong password"), True),
        (TimedOut("slow"), False),
        (Throttled("busy"), False),
        (CutShort("too little time"), False),
        (BreakerOpen("left alone"), False),
    ],
)
def test_not_every_failure_is_a_loss(teller: Teller, error: ProviderError, lost: bool) -> None:  # noqa: FBT001 - what is expected
    """Of what may be the request's own fault the breaker decides, and a refusal of ours says nothing."""
    teller.fail(10, error)

    assert teller.events == ["provider_lost"] * lost


def test_a_breaker_that_opens_is_a_loss_too(teller: Teller) -> None:
    """First that, then the breaker, with the same reason; when it closes the provider answers again first."""
    teller.fail(2, TimedOut("slow"), every=2.0)
    teller.breaker(OPEN, "recall: too many timeouts")
    lost, opened = teller.logs[-2:]
    teller.clock.pass_by(5.0)
    teller.breaker(HALF_OPEN, "the pause is over")
    teller.breaker(CLOSED, "a probe succeeded")

    assert teller.events == [
        "provider_lost",
        "breaker_opened",
        "breaker_half_open",
        "provider_answers_again",
        "breaker_closed",
    ]
    assert (lost["reason"], lost["seconds"]) == ("recall: too many timeouts", 4.0)
    assert (opened["reason"], opened["openings"], opened["reads"]) == ("recall: too many timeouts", 1, "standby")
    assert (teller.last()["reason"], teller.last()["seconds"], teller.last()["openings"]) == (
        "a probe succeeded",
        5.0,
        1,
    )


def test_a_long_outage_is_told_ever_more_rarely(teller: Teller) -> None:
    """A day in which the breaker opens every minute is some twenty lines."""
    for _ in range(24 * 60):
        teller.breaker(OPEN)
        teller.clock.pass_by(60.0)
        teller.breaker(HALF_OPEN)
        teller.look()

    opened = [line["openings"] for line in teller.logs if line["event"] == "breaker_opened"]
    assert opened == [2**n for n in range(11)]
    assert len(teller.events) == 1 + 2 * 11


def test_a_new_outage_begins_to_count_anew(teller: Teller) -> None:
    """The breaker that has been closed opens for the first time."""
    for _ in range(2):
        teller.breaker(OPEN)
        teller.breaker(HALF_OPEN)
        teller.breaker(OPEN)
        teller.breaker(CLOSED)

    assert [line["openings"] for line in teller.logs if line["event"] == "breaker_opened"] == [1, 2, 1, 2]


def test_what_an_operator_does_is_not_told_twice(teller: Teller) -> None:
    """It has a line of its own, with the name of the operator; but what serves meanwhile is known."""
    teller.breaker(BreakerState.FORCED_OPEN)
    teller.fail(LOST_FAILURES, provider="standby")
    assert (teller.last()["reads"], teller.last()["writes"]) == (None, "accepted")

    teller.breaker(CLOSED, "released by an operator")
    assert teller.events == ["provider_lost"]


def test_a_breaker_that_was_replaced_is_closed(teller: Teller) -> None:
    """A provider with other settings has a new one, that says nothing of the former."""
    teller.breaker(OPEN)
    teller.states["home"] = CLOSED
    teller.look()

    assert teller.events[-1] == "breaker_closed"


def test_flapping_does_not_flood(teller: Teller) -> None:
    """A provider that comes and goes for five minutes is told until one knows it, and when it is steady."""
    for _ in range(300):
        teller.fail(LOST_FAILURES)
        teller.answer()
        teller.clock.pass_by(0.7)
    assert len(teller.events) == MAX_REPORTS

    for _ in range(int(STEADY_SECONDS) + 2):
        teller.clock.pass_by(1.0)
        teller.look()
    assert len(teller.events) == MAX_REPORTS + 1
    assert (teller.last()["event"], teller.last()["changes"]) == ("provider_answers_again", 600 - MAX_REPORTS)


def test_a_slow_provider_is_told_once_and_when_it_is_quick_again(teller: Teller) -> None:
    """With how long reads wait for it; not at every look."""
    teller.look()
    teller.asked_second["home"] = True
    for _ in range(3):
        teller.clock.pass_by(5.0)
        teller.look()
    teller.asked_second["home"] = False
    teller.look()

    assert teller.events == ["provider_asked_second", "provider_asked_first"]
    second, first = teller.logs
    assert (second["provider"], second["log_level"]) == ("home", "warning")
    assert second["patience"] == {"read": 0.1, "recall": 0.25}
    assert (first["provider"], first["log_level"], first["seconds"]) == ("home", "info", 10.0)
    assert first["since"] == second["since"]


def test_a_pace_that_comes_and_goes_does_not_flood(teller: Teller) -> None:
    """As with everything that is told."""
    for number in range(100):
        teller.asked_second["home"] = number % 2 == 0
        teller.clock.pass_by(1.0)
        teller.look()

    assert len(teller.events) <= MAX_REPORTS + 1
