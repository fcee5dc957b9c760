"""The contact with a store: when it counts as away, and which look brings it back."""

import pytest

from providers.chain.contact import Contact
from providers.errors import (
    ConnectionLost,
    MemoryNotFound,
    ProviderError,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from tests.support.clock import FakeClock

SETTLED = 1.0


def _watched(clock: FakeClock) -> Contact:
    return Contact(clock, watched=True)


@pytest.mark.parametrize(
    ("error", "unchecked"),
    [
        (Unreachable("refused"), True),
        (ConnectionLost("reset"), True),
        (TimedOut("busy"), False),
        (Throttled("later"), False),
        (Unavailable("disk full"), False),
        (MemoryNotFound("1"), False),
    ],
)
def test_a_connection_that_breaks_may_be_a_restart(error: ProviderError, *, unchecked: bool) -> None:
    """Who is slow, full or of another opinion has been there all the time."""
    contact = _watched(FakeClock())

    contact.failed(error)

    assert contact.unchecked is unchecked


def test_a_look_counts_from_when_all_that_was_confirmed_can_be_read_back() -> None:
    """One that began a moment before says how long to wait for the next one."""
    clock = FakeClock()
    contact = _watched(clock)
    contact.lose()
    lost_at = clock()

    assert contact.found_well(lost_at + 0.25, SETTLED) == pytest.approx(0.75)
    assert contact.found_well(lost_at + SETTLED, SETTLED) == 0.0
    assert not contact.unchecked
    assert contact.found_well(lost_at, SETTLED) == 0.0


def test_a_look_before_the_last_break_says_nothing() -> None:
    """The store may have been put back after that look."""
    clock = FakeClock()
    contact = _watched(clock)
    contact.lose()
    begun = clock() + SETTLED
    clock.now += SETTLED
    contact.lose()

    assert contact.found_well(begun, SETTLED) == pytest.approx(SETTLED)
    assert contact.unchecked


def test_who_is_not_watched_is_never_unchecked() -> None:
    """Nobody could say that the store is well."""
    by_nobody, by_somebody = Contact(FakeClock()), Contact(FakeClock(), watched=True)
    for contact in (by_nobody, by_somebody):
        contact.lose()

    assert (by_nobody.unchecked, by_somebody.unchecked) == (False, True)
