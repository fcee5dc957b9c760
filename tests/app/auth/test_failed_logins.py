"""Whoever guesses keys waits longer and longer, in bounded memory."""

import pytest

from app.auth.failed_logins import FORGIVEN_SECONDS, FREE, MOST_ADDRESSES, MOST_WAIT, FailedLogins
from tests.support.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


def test_the_first_failures_are_answered_at_once(clock: FakeClock) -> None:
    """Then each wait is twice the one before, up to a bound."""
    failed = FailedLogins(clock)

    waits = [failed.count("a") for _ in range(FREE + 8)]

    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE:] == [0.1, 0.2, 0.4, 0.8, 1.6, MOST_WAIT, MOST_WAIT, MOST_WAIT]


def test_an_address_is_forgiven_with_time(clock: FakeClock) -> None:
    """However long it has guessed."""
    failed = FailedLogins(clock)
    for _ in range(10_000):
        failed.count("a")

    clock.now += 2 * FREE * FORGIVEN_SECONDS

    assert failed.count("a") == 0.0


def test_addresses_do_not_pay_for_each_other(clock: FakeClock) -> None:
    """One that guesses slows down no other one."""
    failed = FailedLogins(clock)
    for _ in range(FREE + 1):
        failed.count("a")

    assert (failed.count("b"), failed.count("a") > 0) == (0.0, True)


def test_memory_is_bounded(clock: FakeClock) -> None:
    """The addresses that failed last are remembered."""
    failed = FailedLogins(clock)
    for _ in range(FREE + 1):
        failed.count("last")
    for number in range(MOST_ADDRESSES - 1):
        failed.count(f"address {number}")
    assert failed.count("last") > 0

    for number in range(MOST_ADDRESSES + 10):
        failed.count(f"address {number}")

    assert len(failed) == MOST_ADDRESSES
    assert failed.count("last") == 0.0
