"""Retries never exceed their share of the requests, nor are a few ever denied to a provider at rest."""

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.chain.budget import RetryBudget
from providers.chain.policy import BudgetPolicy
from providers.chain.window import SlidingWindowCounter
from tests.support.clock import FakeClock

GAPS = st.floats(min_value=0, max_value=3)  # seconds
# True: a request with a retry wanted after it; False: a request alone.
TRAFFIC = st.lists(st.tuples(GAPS, st.booleans()), max_size=300)


def budget_of(clock: FakeClock) -> RetryBudget:
    """Return the budget with its defaults: 10 % of 10 s, at least 3."""
    return RetryBudget(BudgetPolicy(), clock)


def test_three_retries_are_there_from_the_start() -> None:
    """Without any traffic three retries may be taken at once, and no fourth."""
    budget = budget_of(FakeClock())

    assert [budget.take() for _ in range(5)] == [True, True, True, False, False]
    assert budget.left() == 0


def test_a_tenth_of_the_requests_may_be_tried_again() -> None:
    """With 200 requests in the window there are 20 retries."""
    budget = budget_of(FakeClock())
    for _ in range(200):
        budget.count_request()

    assert budget.left() == 20
    assert sum(budget.take() for _ in range(200)) == 20


def test_what_was_taken_comes_back_when_the_window_has_passed() -> None:
    """A retry is forgotten after the window, and one grain of time at most."""
    clock = FakeClock()
    budget = budget_of(clock)
    while budget.take():
        pass

    clock.now += 9.999
    assert not budget.take()
    clock.now += 1.001
    assert budget.left() == 3


@settings(deadline=None)
@given(start=st.floats(min_value=0, max_value=1e6), traffic=TRAFFIC)
def test_no_window_has_more_retries_than_its_share(start: float, traffic: list[tuple[float, bool]]) -> None:
    """In the ten seconds before any retry there are at most 10 % of the requests in them, or 3."""
    clock = FakeClock(start)
    budget = budget_of(clock)
    requests: list[float] = []
    retries: list[float] = []
    for gap, wants_retry in traffic:
        clock.now += gap
        budget.count_request()
        requests.append(clock.now)
        if wants_retry and budget.take():
            retries.append(clock.now)

            begin = clock.now - 10.0
            asked = sum(moment > begin for moment in requests)
            assert sum(moment > begin for moment in retries) <= max(3, 0.1 * asked)


@settings(deadline=None)
@given(traffic=st.lists(GAPS, max_size=200))
def test_a_sliding_count_forgets_by_the_second(traffic: list[float]) -> None:
    """It counts every event of the last nine seconds, and none that is older than ten."""
    clock = FakeClock()
    count = SlidingWindowCounter(10.0, clock)
    moments: list[float] = []
    for gap in traffic:
        clock.now += gap
        count.add()
        moments.append(clock.now)

        young = sum(moment > clock.now - 9.0 for moment in moments)
        not_old = sum(moment > clock.now - 10.0 for moment in moments)
        assert young <= count.total() <= not_old
    clock.now += 10.0
    assert count.total() == 0
