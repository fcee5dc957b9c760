"""Before timeouts, or failures in a row, open a breaker for all, the provider is asked whether it answers at all."""

import asyncio

import pytest

from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot, BreakerState
from providers.chain.errors import BreakerOpen
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.errors import TimedOut, Unavailable
from tests.support.clock import FakeClock, simulate

RECALL, READ, REPLAY = OperationClass.RECALL, OperationClass.READ, OperationClass.REPLAY
LATE = TimedOut("no answer")
DOWN = Unavailable("down")


class Asked:
    """A breaker over a provider that answers a probe, or does not, after some seconds."""

    def __init__(self, clock: FakeClock, *, answers: bool, seconds: float = 0.1) -> None:
        self.answers = answers
        self.seconds = seconds
        self.probes = 0
        self.changes: list[BreakerSnapshot] = []
        self.breaker = CircuitBreaker(
            "home", BreakerPolicy(), clock, lambda: 0.0, self.changes.append, ping=self._probe
        )

    def end(self, operation: OperationClass, error: Unavailable | None = None) -> None:
        """Let one call through that ends at once."""
        self.breaker.ended(self.breaker.begin(), operation, error)

    async def settled(self) -> None:
        """Wait until a probe under way has ended."""
        await asyncio.sleep(2 * self.seconds)

    @property
    def states(self) -> list[BreakerState]:
        """The states it went through."""
        return [change.state for change in self.changes]

    async def _probe(self) -> bool:
        self.probes += 1
        await asyncio.sleep(self.seconds)
        return self.answers


def test_dear_requests_of_one_kind_do_not_close_the_way_for_all() -> None:
    """However often a recall runs out of time, a provider that answers probes goes on being asked."""

    async def main(clock: FakeClock) -> Asked:
        asked = Asked(clock, answers=True)
        for _ in range(100):
            asked.end(RECALL, LATE)
            await asked.settled()
        return asked

    asked = simulate(main)
    assert asked.changes == []
    assert asked.probes == 100 // BreakerPolicy().in_a_row


def test_a_provider_that_does_not_answer_a_probe_is_left_alone() -> None:
    """With the reason, in which both are told."""

    async def main(clock: FakeClock) -> Asked:
        asked = Asked(clock, answers=False)
        for _ in range(5):
            asked.end(RECALL, LATE)
        await asked.settled()
        with pytest.raises(BreakerOpen):
            asked.breaker.check()
        return asked

    asked = simulate(main)
    assert [change.why for change in asked.changes] == [
        "recall: 5 failures in a row, the last was TimedOut; it did not answer a probe either"
    ]


def test_calls_pass_while_it_is_asked() -> None:
    """And it is asked once, whatever fails meanwhile."""

    async def main(clock: FakeClock) -> Asked:
        asked = Asked(clock, answers=False, seconds=1.0)
        for _ in range(20):
            asked.end(RECALL, LATE)
            await asyncio.sleep(0.01)
        return asked

    asked = simulate(main)
    assert (asked.probes, asked.changes) == (1, [])


def test_timeouts_are_counted_for_each_kind_of_work() -> None:
    """Four recalls and four reads in turn are too few of either; a success of one kind excuses the other in nothing."""

    async def main(clock: FakeClock) -> tuple[int, int]:
        asked = Asked(clock, answers=False)
        for _ in range(4):
            asked.end(RECALL, LATE)
            asked.end(READ, LATE)
        few = asked.probes
        asked.end(READ)
        asked.end(RECALL, LATE)
        await asked.settled()
        return few, asked.probes

    assert simulate(main) == (0, 1)


def test_failures_in_a_row_are_confirmed() -> None:
    """One caller's request that the provider cannot bear, sent again and again, closes the way for nobody else."""

    async def main(clock: FakeClock) -> Asked:
        asked = Asked(clock, answers=True)
        for _ in range(9):
            asked.end(READ, DOWN)
            await asked.settled()
        return asked

    asked = simulate(main)
    assert (asked.probes, asked.changes) == (1, [])


def test_what_fails_at_every_second_call_needs_no_confirmation() -> None:
    """Ten calls of which half failed for certain speak for themselves."""

    async def main(clock: FakeClock) -> Asked:
        asked = Asked(clock, answers=True)
        for _ in range(5):
            asked.end(READ)
            asked.end(READ, DOWN)
        return asked

    asked = simulate(main)
    assert (asked.states, asked.probes) == ([BreakerState.OPEN], 0)


@pytest.mark.parametrize("answers", [True, False])
def test_a_probe_call_that_runs_out_of_time_is_confirmed(*, answers: bool) -> None:
    """The one call after the pause may be a dear one; nobody else is let through until it is known."""

    async def main(clock: FakeClock) -> Asked:
        asked = Asked(clock, answers=False)
        for _ in range(5):
            asked.end(RECALL, LATE)
        await asked.settled()
        clock.now += 6.0
        asked.answers = True
        assert asked.breaker.refuses()  # until a probe has been answered
        await asked.settled()
        asked.answers = answers
        asked.end(RECALL, LATE)
        assert asked.breaker.refuses()
        await asked.settled()
        return asked

    last = BreakerState.CLOSED if answers else BreakerState.OPEN
    assert simulate(main).states == [BreakerState.OPEN, BreakerState.HALF_OPEN, last]


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    """An operator was faster."""

    async def main(clock: FakeClock) -> Asked:
        asked = Asked(clock, answers=False, seconds=1.0)
        for _ in range(5):
            asked.end(REPLAY, LATE)
        await asyncio.sleep(0.5)
        asked.breaker.force_closed("we know it is slow")
        await asked.settled()
        return asked

    assert simulate(main).states == [BreakerState.FORCED_CLOSED]


def test_nothing_is_asked_after_the_end() -> None:
    """Closing a breaker ends a probe under way."""

    async def main(clock: FakeClock) -> tuple[Asked, set[asyncio.Task[object]]]:
        asked = Asked(clock, answers=False, seconds=60.0)
        for _ in range(5):
            asked.end(RECALL, LATE)
        await asyncio.sleep(0.1)
        await asked.breaker.close()
        return asked, asyncio.all_tasks() - {asyncio.current_task()}

    asked, left = simulate(main)
    assert (asked.probes, asked.changes, left) == (1, [], set())
