"""A deadline passes on, and only ever comes nearer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.chain.deadline import Deadline
from tests.support.clock import FakeClock

SECONDS = st.floats(min_value=0, max_value=600)


def test_a_deadline_counts_down_to_zero() -> None:
    """What remains shrinks with the time that passes, and is never negative."""
    clock = FakeClock()
    deadline = Deadline.after(2.0, clock)

    assert (deadline.remaining(), deadline.expired) == (2.0, False)
    clock.now += 1.5
    assert (deadline.remaining(), deadline.expired) == (0.5, False)
    clock.now += 0.5
    assert (deadline.remaining(), deadline.expired) == (0.0, True)
    clock.now += 1.0
    assert (deadline.remaining(), deadline.expired) == (0.0, True)


def test_a_try_takes_its_limit_or_what_remains() -> None:
    """The limit of one try is its own as long as so much remains."""
    clock = FakeClock()
    deadline = Deadline.after(0.5, clock)

    assert deadline.limit_try(0.25) == 0.25
    clock.now += 0.375
    assert deadline.limit_try(0.25) == 0.125


@settings(deadline=None)
@given(total=SECONDS, asked=SECONDS, passed=SECONDS)
def test_a_caller_lowers_a_deadline_and_never_raises_it(total: float, asked: float, passed: float) -> None:
    """The earlier deadline is the nearer of the two, whatever is asked for and when; the first one stays as it was."""
    clock = FakeClock(0.0)
    deadline = Deadline.after(total, clock)
    clock.now = passed

    earlier = deadline.earlier(asked)
    assert earlier.remaining() <= deadline.remaining()
    assert earlier.remaining() <= asked + 1e-9
    assert deadline.remaining() == max(0.0, total - passed)
