"""A call is tried again when that helps, harms nobody and fits into the time, and not otherwise."""

import asyncio
from itertools import pairwise
from random import Random

import pytest

from providers.chain.errors import BreakerOpen, BulkheadFull, CutShort, NoTimeLeft
from providers.chain.observer import GivenUp
from providers.chain.policy import MEM0, NATIVE, AttemptPolicy, OperationClass, OperationPolicy
from providers.errors import MemoryNotFound, Misconfigured, ProviderError, Throttled, TimedOut, Unavailable
from tests.providers.chain.rig import DOWN, HANGING, OK, Rig, Step, fail
from tests.support.clock import FakeClock, simulate

REMEMBER = OperationClass.REMEMBER
SURE = Step(0.001, Unavailable("connection refused"))
UNSURE = Step(0.001, Unavailable("connection lost", ambiguous=True))
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
    limit = NATIVE.of(operation).try_limit
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


def test_a_breaker_that_is_open_costs_nothing() -> None:
    """While the breaker refuses, no time passes, nothing is sent, and the error says so and until when."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, OK, chance=lambda: 0.0)
        rig.open_breaker()
        began = clock.now
        error = await rig.ended(REMEMBER)
        assert isinstance(error, BreakerOpen)
        assert (error.ambiguous, error.retry_after, clock.now) == (False, 5.0, began)
        return rig

    rig = simulate(main)
    assert (rig.backend.asked_at, rig.seen.outcomes, rig.seen.given_up) == ([], ["breaker_open"], [])


def test_a_breaker_that_opens_in_between_ends_the_tries() -> None:
    """The failure that opens the breaker is the one that is raised, without a wait."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, DOWN)
        for _ in range(4):
            fail(rig.breaker)
        assert await rig.ended() is DOWN.error
        return rig

    rig = simulate(main)
    assert (rig.seen.outcomes, rig.seen.given_up) == (["unavailable"], [GivenUp.BREAKER])


@pytest.mark.parametrize("first", [SURE, UNSURE])
def test_a_breaker_that_opens_during_the_wait_leaves_the_first_error(first: Step) -> None:
    """What the provider said is more telling than that it was not asked again."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, first, policy=AttemptPolicy(first_wait=0.2), chance=lambda: 1.0)
        call = asyncio.ensure_future(rig.ended(REMEMBER))
        await asyncio.sleep(0.1)
        rig.open_breaker()
        assert await call is first.error
        return rig

    assert simulate(main).seen.outcomes == ["unavailable", "breaker_open"]


def test_retries_stay_within_the_budget() -> None:
    """Of thirty calls that fail once, three are tried again; the others give up."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, DOWN)
        rig.breaker.force_closed("this is about the budget")
        for _ in range(29):
            await rig.ended()
        return rig

    rig = simulate(main)
    assert len(rig.backend.asked_at) == 29 + 3
    assert rig.seen.given_up == [GivenUp.TRIES] * 3 + [GivenUp.BUDGET] * 26


def test_retries_are_no_requests() -> None:
    """A retry earns no share for further ones: 39 requests of which three were tried again leave nothing."""

    async def main(clock: FakeClock) -> int:
        rig = Rig(clock, OK)
        rig.backend.script = [DOWN, OK] * 3 + [OK]
        for _ in range(39):
            assert await rig.run() == "done"
        return rig.budget.left()

    assert simulate(main) == 0


def test_nobody_waits_for_a_place_at_a_provider_that_is_left_alone() -> None:
    """While the breaker refuses, a full bulkhead delays no refusal."""

    async def main(clock: FakeClock) -> None:
        rig = Rig(clock, places=1)
        rig.open_breaker()
        async with rig.bulkhead.place(0.0):
            began = clock.now
            assert isinstance(await rig.ended(), BreakerOpen)
            assert clock.now == began

    simulate(main)


def test_a_full_bulkhead_refuses_within_the_limit_of_a_try() -> None:
    """Who finds no place within the limit of one try goes elsewhere, and the breaker hears nothing of it."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(5.0), places=1, policy=AttemptPolicy(recall=OperationPolicy(deadline=9, try_limit=6)))
        busy = asyncio.ensure_future(rig.run())
        await asyncio.sleep(0.1)
        began = clock.now
        error = await rig.ended(OperationClass.READ)
        assert isinstance(error, BulkheadFull)
        assert clock.now - began == pytest.approx(NATIVE.read.try_limit)
        await busy
        return rig

    rig = simulate(main)
    assert rig.seen.outcomes == ["bulkhead_full", "ok"]
    assert rig.breaker.snapshot().calls == 1
    assert rig.backend.most_at_once == 1


def test_nothing_is_sent_after_the_deadline() -> None:
    """A deadline that has passed is a refusal, not a call."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, OK)
        assert isinstance(await rig.ended(REMEMBER, seconds=0.0), NoTimeLeft)
        return rig

    rig = simulate(main)
    assert (rig.backend.asked_at, rig.breaker.snapshot().calls, rig.budget.left()) == ([], 0, 3)


def test_impatient_callers_do_not_open_the_breaker() -> None:
    """A try that the caller's deadline cut to less than half says nothing about the provider."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.15))
        for _ in range(50):
            assert isinstance(await rig.ended(seconds=0.09), CutShort)
        assert await rig.run() == "done"
        return rig

    rig = simulate(main)
    assert rig.changes == []
    assert rig.seen.outcomes == ["cut_short"] * 50 + ["ok"]


def test_a_provider_that_hangs_beyond_the_deadline_opens_the_breaker() -> None:
    """Where one try may take longer than the whole operation, the whole operation is a fair try."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, HANGING, policy=MEM0)
        for _ in range(5):
            assert type(await rig.ended()) is TimedOut
        assert isinstance(await rig.ended(), BreakerOpen)
        return rig

    assert simulate(main).changes[0].why == "5 failures in a row, the last was TimedOut"


def test_one_of_fifty_callers_reaches_a_provider_on_probation() -> None:
    """After the pause fifty calls at once make a single one at the provider, and the others are refused."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.1))
        rig.open_breaker()
        await asyncio.sleep(6.0)
        await asyncio.gather(*(rig.ended() for _ in range(50)))
        return rig

    rig = simulate(main)
    assert len(rig.backend.asked_at) == 1
    assert sorted(rig.seen.outcomes) == ["breaker_open"] * 49 + ["ok"]


def test_a_dead_provider_is_hardly_asked() -> None:
    """At a hundred requests a second for an hour, a dead provider sees seventy calls at most."""

    async def main(clock: FakeClock) -> Rig:
        rig = Rig(clock, Step(0.0, Unavailable("down")))
        end = clock.now + 3_600.0
        while clock.now < end:
            await rig.ended()
            if rig.breaker.refuses():
                rig.seen.attempts.clear()
            clock.now += 0.01
        return rig

    assert 50 <= len(simulate(main).backend.asked_at) <= 70


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
