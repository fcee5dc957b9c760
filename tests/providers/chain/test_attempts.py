"""A call is tried again when that helps, harms nobody and fits into the time, and not otherwise."""

import asyncio
from itertools import pairwise
from random import Random

import pytest

from providers.chain.observer import GivenUp
from providers.chain.policy import AttemptPolicy, OperationClass, OperationPolicy
from providers.errors import MemoryNotFound, Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from tests.providers.chain.rig import DOWN, HANGING, LIMITED, OK, SURE, UNSURE, Rig, Step
from tests.support.clock import FakeClock, simulate

REMEMBER = OperationClass.REMEMBER
THREE = AttemptPolicy(remember=OperationPolicy(deadline=2.0, try_limit=0.5, tries=3))
MANY = AttemptPolicy(recall=OperationPolicy(deadline=10.0, try_limit=0.2, tries=10))


def test_a_failure_is_tried_again() -> None:
    """A second try mends what the first could not, and both are told."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, DOWN, OK)
        assert await rig.run() == "done"
        return rig

    rig = simulate(main)
    assert rig.seen.outcomes == ["unavailable", "ok"]
    assert [attempt.number for attempt in rig.seen.attempts] == [1, 2]
    assert [attempt.seconds for attempt in rig.seen.attempts] == pytest.approx([0.001, 0.001])
    assert (rig.seen.given_up, rig.is_at_rest()) == ([], True)


@pytest.mark.parametrize(
    ("operation", "repeatable", "script", "outcomes"),
    [
        (OperationClass.RECALL, True, [UNSURE, OK], ["unavailable", "ok"]),
        (REMEMBER, True, [UNSURE, OK], ["unavailable", "ok"]),
        (REMEMBER, False, [SURE, OK], ["unavailable", "ok"]),
        (REMEMBER, False, [UNSURE, OK], ["unavailable"]),
        (REMEMBER, False, [SURE, UNSURE, OK], ["unavailable", "unavailable"]),
        (REMEMBER, False, [HANGING, OK], ["timeout"]),
        (REMEMBER, True, [HANGING, OK], ["timeout", "ok"]),
        (REMEMBER, True, [DOWN, Step(0.0, MemoryNotFound("m")), OK], ["unavailable", "not_found"]),
        (REMEMBER, True, [DOWN, Step(0.0, ValueError("bug")), OK], ["unavailable", "bug"]),
        (REMEMBER, True, [Step(0.0, Misconfigured("key")), OK], ["misconfigured"]),
        (REMEMBER, True, [Step(0.0, MemoryNotFound("m")), OK], ["not_found"]),
        (REMEMBER, True, [Step(0.0, ValueError("bug")), OK], ["bug"]),
        (REMEMBER, True, [Step(0.0, TimeoutError("bug")), OK], ["bug"]),
    ],
)
def test_only_what_helps_and_does_no_harm_is_tried_again(
    operation: OperationClass, *, repeatable: bool, script: list[Step], outcomes: list[str]
) -> None:
    """A write that is not repeatable is tried again only if it surely did not happen; answers and bugs never are."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, *script, policy=THREE)
        try:
            await rig.run(operation, repeatable=repeatable)
        except (ProviderError, ValueError, TimeoutError) as error:
            assert error is script[len(outcomes) - 1].error or isinstance(error, TimedOut)  # noqa: PT017 - or none
        return rig

    rig = simulate(main)
    assert rig.seen.outcomes == outcomes
    assert len(rig.backend.asked_at) == len(outcomes)


@pytest.mark.parametrize(
    ("operation", "ambiguous"), [(OperationClass.RECALL, False), (REMEMBER, True), (OperationClass.DELETE, True)]
)
def test_a_try_without_an_answer_is_ended_at_its_limit(operation: OperationClass, *, ambiguous: bool) -> None:
    """Each try ends at its limit with a timeout, which for a write means that it may have happened."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, HANGING, chance=lambda: 0.0)
        error = await rig.ended(operation)
        assert type(error) is TimedOut
        assert error.ambiguous is ambiguous
        return rig

    rig = simulate(main)
    limit = LIMITED.of(operation).try_limit
    assert [attempt.seconds for attempt in rig.seen.attempts] == pytest.approx([limit, limit])
    assert rig.seen.given_up == [GivenUp.TRIES]


@pytest.mark.parametrize("last", [SURE, Step(0.0, Misconfigured("key")), Step(0.0, Throttled("busy"))])
def test_a_later_refusal_does_not_unsay_that_a_write_may_have_happened(last: Step) -> None:
    """When the first try may have stored and the second surely did not, the error still says that it may have."""

    async def main(clock: FakeClock) -> None:
        error = await Rig(clock, UNSURE, last).ended(REMEMBER)
        assert error is not None
        assert (error, error.__cause__) == (UNSURE.error, last.error)

    simulate(main)


def test_when_all_tries_fail_the_last_error_is_raised() -> None:
    """The caller sees the error of the last try, itself."""

    async def main(clock: FakeClock) -> None:
        last = Step(0.0, Throttled("busy"))
        assert await Rig(clock, DOWN, last).ended() is last.error

    simulate(main)


def test_what_the_backend_asks_for_is_waited_when_it_fits() -> None:
    """A backend that asks for 300 ms is asked again after 300 ms and a little jitter."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.0, Throttled("busy", retry_after=0.3)), OK)
        assert await rig.run() == "done"
        return rig

    first, second = simulate(main).backend.asked_at
    assert 0.3 <= second - first <= 0.31


def test_what_the_backend_asks_for_ends_the_tries_when_it_does_not_fit() -> None:
    """A backend that asks for more than remains is not waited for at all."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.0, Throttled("busy", retry_after=0.5)), OK)
        began = clock.now
        assert isinstance(await rig.ended(), Throttled)
        assert clock.now == began
        return rig

    assert simulate(main).seen.given_up == [GivenUp.DEADLINE]


@pytest.mark.parametrize("seed", range(20))
def test_the_deadline_holds_whatever_happens(seed: int) -> None:
    """However slow, full, busy or broken the provider is, every call of a crowd ends by its deadline."""
    random = Random(seed)  # noqa: S311 - seeded, so that every run is the same
    errors = [None, DOWN.error, Throttled("busy", retry_after=0.1), Throttled("busy", retry_after=5.0), UNSURE.error]
    script = [Step(random.choice([0.0, 0.01, 0.15, 0.4, 30.0]), random.choice(errors)) for _ in range(100)]

    async def main(clock: FakeClock) -> float:
        rig = Rig(clock, *script, policy=MANY, places=random.choice([1, 8, 50]), chance=random.random)
        worst = 0.0

        async def one(start: float, seconds: float) -> None:
            nonlocal worst
            await asyncio.sleep(start)
            began = clock.now
            await rig.ended(random.choice(list(OperationClass)), seconds)
            worst = max(worst, clock.now - began - seconds)

        await asyncio.gather(*(one(random.uniform(0, 20), random.uniform(0.01, 3)) for _ in range(100)))
        assert rig.is_at_rest()
        return worst

    assert simulate(main) <= 1e-6


def test_waits_between_tries_are_full_jitter() -> None:
    """Over many calls the first wait is spread over [0, 10] ms, the second over [0, 20] ms, and so on to 200 ms."""
    waits: list[list[float]] = [[] for _ in range(9)]

    async def main(clock: FakeClock) -> None:
        rig = Rig(clock, Step(0.0, Unavailable("down")), policy=MANY)
        rig.breaker.force_closed("this is about the waits")
        for _ in range(200):
            for _ in range(200):
                rig.budget.count_request()
            rig.backend.asked_at.clear()
            await rig.ended()
            moments = rig.backend.asked_at
            for n, (earlier, later) in enumerate(pairwise(moments)):
                waits[n].append(later - earlier)

    simulate(main)
    for drawn, longest in zip(waits, (0.01, 0.02, 0.04, 0.08, 0.16, 0.2, 0.2, 0.2, 0.2), strict=True):
        assert len(drawn) == 200
        assert 0.0 <= min(drawn) < 0.1 * longest
        assert 0.9 * longest < max(drawn) <= longest + 1e-9
