"""Pacing: much that waits for home slows down who writes most, delays nobody else, and refuses nothing."""

import pytest

from providers.chain.observer import SlowReason
from providers.chain.waiting.pacing import (
    FEW,
    KNOWN_SECONDS,
    LARGE_BACKLOG,
    MOST_DELAY,
    MOST_GAP,
    MOST_USERS,
    OLD_BACKLOG_SECONDS,
    SUSPECT,
    Pacing,
)
from providers.owners import Owner
from tests.support.clock import FakeClock

KANNAN, MEENA = Owner("kannan"), Owner("meena")
LONG = 10.0  # seconds that a caller has left


def _pacing(clock: FakeClock, pending: int = 0, oldest: float = 0.0) -> Pacing:
    pacing = Pacing(clock)
    pacing.look(pending, oldest)
    return pacing


def _delays(pacing: Pacing, number: int, owner: Owner = KANNAN, size: int = 1) -> list[float]:
    """Return how long so many writes wait that come at once."""
    return [pacing.delay(owner, size, LONG) for _ in range(number)]


@pytest.mark.parametrize(
    ("pending", "oldest", "slow"),
    [
        (FEW + 1, OLD_BACKLOG_SECONDS, False),
        (FEW + 1, OLD_BACKLOG_SECONDS + 1, True),
        (FEW, OLD_BACKLOG_SECONDS + 1, False),
        (1_000_000, 1.0, False),
    ],
)
def test_an_old_backlog_slows_everybody(pending: int, oldest: float, *, slow: bool) -> None:
    """A young one does not, however long; nor do a few deliveries that home does not take."""
    pacing = _pacing(FakeClock(), pending, oldest)

    assert pacing.idle is not slow
    assert [delay > 0 for delay in _delays(pacing, 2)] == [False, slow]
    assert pacing.reason(MEENA) is (SlowReason.OLD if slow else None)


@pytest.mark.parametrize(("pending", "slow"), [(LARGE_BACKLOG, False), (LARGE_BACKLOG + 1, True)])
def test_a_large_backlog_slows_the_user_whose_it_is(pending: int, *, slow: bool) -> None:
    """Others write as ever."""
    pacing = _pacing(FakeClock(), pending, 1.0)
    pacing.seen(KANNAN, pending)

    assert [delay > 0 for delay in _delays(pacing, 2)] == [False, slow]
    assert _delays(pacing, 2, MEENA) == [0.0, 0.0]
    assert pacing.reason(KANNAN) is (SlowReason.LARGE if slow else None)


def test_what_is_known_of_a_user_grows_old() -> None:
    """The backlog of a user may be delivered by other processes."""
    clock = FakeClock()
    pacing = _pacing(clock, 2 * LARGE_BACKLOG, 1.0)
    pacing.seen(KANNAN, 2 * LARGE_BACKLOG)
    clock.pass_by(3 * KNOWN_SECONDS)

    assert _delays(pacing, 2) == [0.0, 0.0]


def test_an_occasional_write_is_not_delayed() -> None:
    """Whoever leaves the distance by himself need not wait for it."""
    clock = FakeClock()
    pacing = _pacing(clock, 1_000, 10 * OLD_BACKLOG_SECONDS)
    delays = []
    for _ in range(5):
        delays += _delays(pacing, 1)
        clock.pass_by(MOST_GAP)

    assert delays == [0.0] * 5


def test_the_distance_grows_with_the_backlog() -> None:
    """With its age, with its length, and with the size of a batch; up to a bound."""
    distances = [
        _delays(_pacing(FakeClock(), 1_000, oldest), 2)[1] for oldest in (OLD_BACKLOG_SECONDS + 1, 100.0, 400.0, 1e6)
    ]
    batches = [_delays(_pacing(FakeClock(), 1_000, 31.0), 2, size=size)[1] for size in (1, 100, 101, 1_000)]

    assert distances == sorted(distances)
    assert distances[-1] == MOST_GAP
    assert 0 < batches[0] == batches[1] < batches[2] < batches[3] <= MOST_DELAY


def test_no_write_waits_for_long() -> None:
    """However many come at once, and the less the less time a caller has."""
    pacing = _pacing(FakeClock(), 1_000, 1e6)

    assert max(_delays(pacing, 100)) == MOST_DELAY
    assert pacing.delay(KANNAN, 1, 1.0) < 0.5


def test_nothing_is_slow_when_home_has_caught_up() -> None:
    """From the next look on."""
    pacing = _pacing(FakeClock(), 5_000, 100.0)
    _delays(pacing, 3)
    pacing.look(LARGE_BACKLOG, 1.0)

    assert pacing.idle
    assert _delays(pacing, 3) == [0.0] * 3


def test_the_journal_is_asked_about_who_is_suspected() -> None:
    """Of whom this process accepted many; once in a while, and not again when there was no answer."""
    clock = FakeClock()
    pacing = _pacing(clock)
    for _ in range(SUSPECT - 1):
        pacing.accepted(KANNAN)
    before = pacing.is_doubtful(KANNAN)
    pacing.accepted(KANNAN)

    assert (before, pacing.is_doubtful(KANNAN), pacing.is_doubtful(KANNAN)) == (False, True, False)
    clock.pass_by(KNOWN_SECONDS)
    assert (pacing.is_doubtful(KANNAN), pacing.is_doubtful(MEENA)) == (True, False)


def test_a_bounded_number_of_users_is_remembered() -> None:
    """Who has not written for the longest time is forgotten first."""
    pacing = _pacing(FakeClock())
    for number in range(MOST_USERS + 1):
        pacing.seen(Owner(f"user {number}"), LARGE_BACKLOG + 1)

    assert pacing.reason(Owner("user 0")) is None
    assert pacing.reason(Owner("user 1")) is SlowReason.LARGE
