"""What tenacity does and does not do, where a wrong guess would lose a failure, a cancellation or a second."""

import asyncio

import pytest
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from providers.chain.jitter import FullJitter
from tests.support.clock import FakeClock, simulate


class Failure(Exception):
    """What fails here."""


async def even_fails(number: int) -> str:
    """Wait a moment, then succeed or fail."""
    await asyncio.sleep(0.001)
    if number % 2 == 0:
        raise Failure
    return "ok"


async def pause(_state: RetryCallState) -> None:
    """A callback that lets other tasks run."""
    await asyncio.sleep(0.001)


def retrying() -> AsyncRetrying:
    """Return two tries, with callbacks that wait."""
    return AsyncRetrying(stop=stop_after_attempt(2), before=pause, after=pause, before_sleep=pause, reraise=True)


async def swallowed(shared: AsyncRetrying | None) -> int:
    """Return how many of 25 failures among 50 concurrent calls do not reach their caller."""

    async def call(number: int) -> str:
        answer: str = await (shared or retrying())(even_fails, number)
        return answer

    outcomes = await asyncio.gather(*(call(number) for number in range(50)), return_exceptions=True)
    return 25 - sum(isinstance(outcome, Failure) for outcome in outcomes)


def test_a_new_one_for_every_call_swallows_nothing() -> None:
    """Each of fifty concurrent calls ends as it should when each has its own, even with callbacks that wait."""
    assert simulate(lambda _clock: swallowed(None)) == 0


def test_a_shared_one_swallows_failures_when_its_callbacks_wait() -> None:
    """Fifty concurrent calls through one object lose failures: its state of an iteration is one for all."""
    assert simulate(lambda _clock: swallowed(retrying())) > 0


def test_naming_what_not_to_retry_retries_a_cancellation() -> None:
    """A timeout around the call never fires, since the cancellation that it sends is taken for a failure."""
    tries = 0

    async def hangs_once() -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            await asyncio.sleep(3_600)
        return "never cancelled"

    async def main(_clock: FakeClock) -> str:
        async with asyncio.timeout(0.1):
            answer: str = await AsyncRetrying(retry=retry_if_not_exception_type(Failure), reraise=True)(hangs_once)
        return answer

    assert simulate(main) == "never cancelled"


@pytest.mark.parametrize(
    "retry", [retry_if_exception_type(Failure), retry_if_exception(lambda error: isinstance(error, Failure))]
)
def test_naming_what_to_retry_lets_a_cancellation_through(retry: retry_if_exception) -> None:
    """With a positive predicate the timeout fires when it should."""

    async def main(clock: FakeClock) -> float:
        began = clock.now
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await AsyncRetrying(retry=retry, reraise=True)(asyncio.sleep, 3_600)
        return clock.now - began

    assert simulate(main) == pytest.approx(0.1)


def state(number: int) -> RetryCallState:
    """Return the state after so many tries."""
    state = RetryCallState(AsyncRetrying(), None, (), {})
    state.attempt_number = number
    return state


def test_exponential_jitter_adds_up_to_a_second() -> None:
    """Even with a first wait of ten milliseconds, some of a thousand draws are longer than half a second."""
    wait = wait_exponential_jitter(multiplier=0.01, max=60)

    assert max(wait(state(1)) for _ in range(1_000)) > 0.5


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_full_jitter_is_drawn_from_a_window_that_doubles_to_its_bound(chance: float) -> None:
    """The n-th wait is a random share of 10 ms doubled n-1 times, of 200 ms at most, however many there were."""
    wait = FullJitter(0.010, 0.200, lambda: chance)

    assert [wait(state(number)) for number in (1, 2, 3, 4, 5, 6, 5_000)] == pytest.approx(
        [chance * longest for longest in (0.01, 0.02, 0.04, 0.08, 0.16, 0.2, 0.2)]
    )
