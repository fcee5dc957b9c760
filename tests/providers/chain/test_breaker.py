"""A breaker opens on failures alone, lets one caller at a time try afterwards, and obeys the operator."""

import asyncio

import pytest

from providers.chain.admission import Admission
from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import BreakerOpen, BulkheadFull, CutShort, NoTimeLeft
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.errors import (
    Conflict,
    InvalidInput,
    MemoryDeleted,
    MemoryNotFound,
    Misconfigured,
    Throttled,
    TimedOut,
    Unavailable,
)
from tests.providers.chain.rig import end, fail
from tests.support.clock import FakeClock, simulate


class Bench:
    """A breaker, its clock and what it told; its pauses are as short as they can be."""

    def __init__(self, chance: float = 0.0) -> None:
        self.clock = FakeClock()
        self.changes: list[BreakerSnapshot] = []
        self.breaker = CircuitBreaker("home", BreakerPolicy(), self.clock, lambda: chance, self.changes.append)

    @property
    def states(self) -> list[str]:
        """The states it went through."""
        return [str(change.state) for change in self.changes]

    def open(self) -> None:
        """Fail until nobody is let through."""
        for _ in range(5):
            fail(self.breaker)


def test_five_failures_in_a_row_open_it() -> None:
    """The fifth failure opens the breaker, and says why."""
    bench = Bench()
    for _ in range(4):
        fail(bench.breaker)
    assert not bench.breaker.refuses()

    fail(bench.breaker)
    assert bench.breaker.refuses()
    assert bench.changes[0].why == "5 failures in a row, the last was Unavailable"
    assert (bench.changes[0].calls, bench.changes[0].failures, bench.changes[0].last_error) == (5, 5, "Unavailable")


def test_half_of_the_calls_failing_opens_it() -> None:
    """Five failures among ten calls open it, although a success stands between any two of them."""
    bench = Bench()
    for _ in range(4):
        end(bench.breaker)
        fail(bench.breaker)
    end(bench.breaker)
    assert not bench.breaker.refuses()

    fail(bench.breaker)
    assert bench.breaker.refuses()
    assert bench.changes[0].why == "5 of 10 calls failed within 10 s, the last was Unavailable"


def test_old_failures_are_forgotten() -> None:
    """What failed more than ten seconds ago counts no more."""
    bench = Bench()
    for _ in range(3):
        for _ in range(4):
            fail(bench.breaker)
        end(bench.breaker)
        bench.clock.now += 10.0

    assert not bench.breaker.refuses()


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("query", "must not be blank"),
        MemoryNotFound("m"),
        MemoryDeleted("m"),
        Conflict("m"),
        BreakerOpen("another one's"),
        BulkheadFull("full"),
        NoTimeLeft("late"),
        CutShort("hardly asked"),
        asyncio.CancelledError(),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_tells_nothing_about_the_provider_does_not_count(error: BaseException) -> None:
    """Answers, cancellations, refusals of ours and bugs neither open the breaker nor close it."""
    bench = Bench()
    for _ in range(100):
        end(bench.breaker, error)
    assert (bench.changes, bench.breaker.snapshot().calls) == ([], 0)

    bench.open()
    bench.clock.now += 5.0
    end(bench.breaker, error)
    assert bench.breaker.snapshot().state is BreakerState.HALF_OPEN
    assert not bench.breaker.refuses()


@pytest.mark.parametrize(
    "error",
    [Unavailable("down"), TimedOut("slow"), Throttled("busy"), Misconfigured("wrong key")],
    ids=lambda error: type(error).__name__,
)
def test_every_failure_of_the_provider_counts(error: Unavailable) -> None:
    """Down, slow, busy and locked out are all reasons to leave it alone."""
    bench = Bench()
    for _ in range(5):
        end(bench.breaker, error)

    assert bench.breaker.snapshot().last_error == type(error).__name__
    with pytest.raises(BreakerOpen) as refusal:
        end(bench.breaker)
    assert (refusal.value.ambiguous, refusal.value.retry_after) == (False, 5.0)


def test_the_pause_doubles_to_a_minute_and_a_success_resets_it() -> None:
    """Each probe that fails doubles the pause up to a bound; after a probe that succeeds the first is five again."""
    bench = Bench()
    bench.open()
    pauses = []
    for _ in range(6):
        pauses.append(bench.breaker.snapshot().seconds_to_probe)
        bench.clock.now += pauses[-1] or 0.0
        fail(bench.breaker)
    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]

    bench.clock.now += 60.0
    end(bench.breaker)
    assert bench.states[-2:] == ["half_open", "closed"]
    bench.open()
    assert bench.breaker.snapshot().seconds_to_probe == 5.0


def test_the_pause_is_up_to_a_fifth_longer() -> None:
    """Jitter adds to the pause and never takes from it, so that the number of probes is bounded."""
    bench = Bench(chance=1.0)
    bench.open()

    assert bench.breaker.snapshot().seconds_to_probe == pytest.approx(6.0)


def test_one_of_fifty_callers_probes() -> None:
    """When the pause is over, one of fifty concurrent callers is let through and the others are refused at once."""

    async def main(clock: FakeClock) -> list[str]:
        breaker = CircuitBreaker("home", BreakerPolicy(), clock, lambda: 0.0)
        for _ in range(5):
            fail(breaker)
        await asyncio.sleep(5.0)

        async def caller() -> str:
            try:
                with Admission(breaker, OperationClass.READ):
                    await asyncio.sleep(0.1)
            except BreakerOpen:
                return "refused"
            return "probed"

        outcomes = await asyncio.gather(*(caller() for _ in range(50)))
        assert breaker.snapshot().state is BreakerState.CLOSED
        return outcomes

    assert sorted(simulate(main)) == ["probed"] + ["refused"] * 49


def test_a_cancelled_probe_gives_its_place_back_once() -> None:
    """After a probe was cancelled exactly one of the callers that were refused may try."""

    async def main(clock: FakeClock) -> None:
        breaker = CircuitBreaker("home", BreakerPolicy(), clock, lambda: 0.0)
        for _ in range(5):
            fail(breaker)
        await asyncio.sleep(5.0)

        async def probe() -> None:
            with Admission(breaker, OperationClass.READ):
                await asyncio.sleep(1.0)

        for _ in range(3):
            task = asyncio.ensure_future(probe())
            await asyncio.sleep(0.1)
            assert breaker.refuses()
            task.cancel()
            await asyncio.wait([task])
            assert not breaker.refuses()
        outcomes = await asyncio.gather(*(probe() for _ in range(50)), return_exceptions=True)
        assert sum(outcome is None for outcome in outcomes) == 1

    simulate(main)


def test_what_began_before_a_change_has_no_say_after_it() -> None:
    """Calls that were under way when the breaker opened neither open it again nor close it, however they end."""

    async def main(clock: FakeClock) -> None:
        breaker = CircuitBreaker("home", BreakerPolicy(), clock, lambda: 0.0)

        async def call(seconds: float, error: Unavailable | None) -> None:
            with Admission(breaker, OperationClass.READ):
                await asyncio.sleep(seconds)
                if error:
                    raise error

        slow = [call(6.0 + n / 100, Unavailable("down") if n % 2 else None) for n in range(20)]
        tasks = [asyncio.ensure_future(one) for one in slow]
        await asyncio.sleep(0.1)
        for _ in range(5):
            fail(breaker)
        await asyncio.sleep(5.0)
        assert breaker.snapshot().state is BreakerState.HALF_OPEN
        await asyncio.gather(*tasks, return_exceptions=True)
        assert breaker.snapshot().state is BreakerState.HALF_OPEN

    simulate(main)


def test_an_operator_has_the_last_word() -> None:
    """A breaker that is forced stays so whatever happens, keeps the reason, and begins anew when released."""
    bench = Bench()
    bench.breaker.force_open("a migration runs")
    bench.clock.now += 3_600.0
    with pytest.raises(BreakerOpen, match="a migration runs"):
        end(bench.breaker)

    bench.breaker.force_closed("we know it is slow")
    for _ in range(100):
        fail(bench.breaker)
    snapshot = bench.breaker.snapshot()
    assert (snapshot.state, snapshot.why) == (BreakerState.FORCED_CLOSED, "we know it is slow")
    assert (snapshot.calls, snapshot.failures, snapshot.seconds_to_probe) == (100, 100, None)

    bench.breaker.release()
    assert bench.breaker.snapshot().failures_in_a_row == 0
    assert bench.states == ["forced_open", "forced_closed", "closed"]


def test_releasing_what_is_not_forced_changes_nothing() -> None:
    """An open breaker does not close because somebody releases it."""
    bench = Bench()
    bench.open()

    bench.breaker.release()
    assert bench.states == ["open"]


def test_a_dead_provider_is_asked_seventy_times_an_hour_at_most() -> None:
    """At a hundred requests a second five open the breaker, and then at most one a pause gets through."""
    bench = Bench()
    asked = 0
    for _ in range(100 * 3_600):
        if not bench.breaker.refuses():
            fail(bench.breaker)
            asked += 1
        bench.clock.now += 0.01

    assert 60 <= asked <= 70
