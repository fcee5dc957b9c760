"""Of two calls the first good result counts, and the other call leaves nothing behind."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from providers.chain.hedging.race import Race
from tests.support.clock import FakeClock, simulate

PATIENCE = 1.0  # seconds
FOREVER = 1e6  # seconds


class Runner:
    """A call that takes its time and gives a result, None for none at all; it notes that it was cancelled."""

    def __init__(self, seconds: float, result: str | None) -> None:
        self.cancelled = False
        self.started = False
        self._seconds = seconds
        self._result = result

    async def __call__(self) -> str | None:
        """Take the time."""
        self.started = True
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self._result


class Runners(Race[str]):
    """A race of two runners, the second of which may be nobody; an error other than this one ends it."""

    def __init__(self, clock: FakeClock, second: Runner | None, patience: float | None = PATIENCE) -> None:
        super().__init__(patience, clock)
        self.told: str | None = None
        self._other = second

    def begin_second(self) -> Coroutine[Any, Any, str | None] | None:
        """See `Race`."""
        return None if self._other is None else self._other()

    def ended(self, error: BaseException | None) -> bool:
        """See `Race`."""
        self.result = self.told
        return error is None or isinstance(error, LookupError)


async def _raced(
    clock: FakeClock, first: Runner, second: Runner | None, patience: float | None = PATIENCE
) -> tuple[str | None, float, bool]:
    """Return the result, after how many seconds it came, and whether the second call won."""
    began = clock()
    with Runners(clock, second, patience) as race:
        race.told = await first()
    if race.under_way:
        await race.wait()
    ended = clock() - began
    await asyncio.sleep(0)  # for the end of what was cancelled
    assert len(asyncio.all_tasks()) == 1
    return race.result, ended, race.won_by_second


@pytest.mark.parametrize(
    ("first", "second", "result", "seconds", "by_second"),
    [
        ((0.5, "first"), (0.0, "second"), "first", 0.5, False),
        ((1.4, "first"), (0.5, "second"), "first", 1.4, False),
        ((1.6, "first"), (0.5, "second"), "second", 1.5, True),
        ((FOREVER, "first"), (0.0, "second"), "second", 1.0, True),
        ((3.0, "first"), (0.5, None), "first", 3.0, False),
        ((1.2, None), (0.5, "second"), "second", 1.5, True),
        ((0.5, None), (0.0, "second"), None, 0.5, False),
        ((1.6, None), (0.5, None), None, 1.6, False),
    ],
)
def test_the_first_good_result_counts(
    first: tuple[float, str | None],
    second: tuple[float, str | None],
    result: str | None,
    seconds: float,
    by_second: bool,  # noqa: FBT001 - one expectation
) -> None:
    """Whoever gives it, and whenever."""
    told, ended, won = simulate(lambda clock: _raced(clock, Runner(*first), Runner(*second)))

    assert (told, won) == (result, by_second)
    assert ended == pytest.approx(seconds, abs=0.001)


def test_without_a_second_call_the_first_is_waited_for() -> None:
    """Nobody may be there, or nobody may be asked."""
    told, ended, _ = simulate(lambda clock: _raced(clock, Runner(30.0, "first"), None))
    second = Runner(0.0, "second")
    waited, _, by_second = simulate(lambda clock: _raced(clock, Runner(30.0, "first"), second, None))

    assert (told, waited, by_second, second.started) == ("first", "first", False, False)
    assert ended == pytest.approx(30.0)


def test_the_loser_is_cancelled() -> None:
    """Either of them."""
    slow, quick = Runner(FOREVER, "first"), Runner(0.5, "second")
    simulate(lambda clock: _raced(clock, slow, quick))
    in_time, late = Runner(1.5, "first"), Runner(FOREVER, "second")
    simulate(lambda clock: _raced(clock, in_time, late))

    assert (slow.cancelled, quick.cancelled) == (True, False)
    assert (in_time.cancelled, late.cancelled) == (False, True)


def test_no_second_call_begins_without_need() -> None:
    """Nor does a task."""
    second = Runner(0.0, "second")
    simulate(lambda clock: _raced(clock, Runner(0.9, "first"), second))

    assert not second.started


def test_who_gives_up_takes_both_with_him() -> None:
    """A caller that goes leaves no call behind."""
    first, second = Runner(FOREVER, "first"), Runner(FOREVER, "second")

    async def main(clock: FakeClock) -> bool:
        task = asyncio.ensure_future(_raced(clock, first, second))
        await asyncio.sleep(2 * PATIENCE)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)
        return task.cancelled()

    assert simulate(main)
    assert (first.cancelled, second.cancelled) == (True, True)


def test_lag_is_taken_out_of_patience() -> None:
    """A process that stands still has not waited."""
    second = Runner(0.0, "second")

    async def main(clock: FakeClock) -> str | None:
        asyncio.get_running_loop().call_later(0.3, clock.pass_by, 5.0)
        told, _, _ = await _raced(clock, Runner(5.9, "first"), second)
        return told

    assert simulate(main) == "first"
    assert not second.started


@pytest.mark.parametrize("kind", [RuntimeError, TimeoutError])
def test_a_bug_in_the_first_call_goes_up(kind: type[Exception]) -> None:
    """Also one that looks like the end of a time limit."""

    async def main(clock: FakeClock) -> None:
        with Runners(clock, None):
            raise kind("a bug")

    with pytest.raises(kind, match="a bug"):
        simulate(main)


def test_a_failure_that_is_dealt_with_leaves_the_rest_to_the_second_call() -> None:
    """As where one provider fails and another one is asked already."""

    async def main(clock: FakeClock) -> str | None:
        with Runners(clock, Runner(1.0, "second")) as race:
            await asyncio.sleep(1.5 * PATIENCE)
            raise LookupError
        await race.wait()
        return race.result

    assert simulate(main) == "second"
