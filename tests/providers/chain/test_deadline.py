"""A deadline passes on, and only ever comes nearer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.chain.deadline import Deadline, Shutdown
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


def test_a_first_step_leaves_the_next_what_it_needs() -> None:
    """But never more than half, so that it has a chance itself."""
    clock = FakeClock()
    deadline = Deadline.after(10.0, clock)

    assert [deadline.keeping(needed).remaining() for needed in (0.0, 1.0, 5.0, 8.0)] == [10.0, 9.0, 5.0, 5.0]


def test_a_shutdown_brings_every_deadline_forward() -> None:
    """Those that began before it as well, and none is put off by it."""
    clock = FakeClock()
    shutdown = Shutdown(clock)
    long, short = (Deadline.after(seconds, clock, shutdown) for seconds in (30.0, 2.0))
    derived = long.earlier(25.0)
    shutdown.begin(16.0)

    assert [deadline.remaining() for deadline in (long, derived, short)] == [16.0, 16.0, 2.0]
    assert Deadline.after(20.0, clock, shutdown).keeping(5.0).remaining() == 11.0
    clock.now += 16.0
    assert (long.expired, derived.expired) == (True, True)


def test_a_second_order_to_stop_gives_no_more_time() -> None:
    """The first moment stands."""
    clock = FakeClock()
    shutdown = Shutdown(clock)
    shutdown.begin(10.0)
    clock.now += 5.0
    shutdown.begin(10.0)

    assert Deadline.after(30.0, clock, shutdown).remaining() == 5.0
