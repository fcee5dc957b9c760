"""Leases: renewed while a try is under way, and never afterwards; nothing that goes wrong with one ends the try."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from providers.chain.leasing import LEASE_SECONDS, RENEWED_EVERY, Lease
from providers.journal.base import JournalUnavailable
from providers.journal.operations import Done, LeaseToken
from tests.support.clock import FakeClock, simulate

LITTLE = 0.001
FIRST = LeaseToken("kannan", "m", 100.0)


class Lender:
    """A journal that lends: `answers` is how the next renewals end, by themselves they are granted after `seconds`."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.seconds = 0.0
        self.answers: list[BaseException | None] = []
        self.asked: list[list[float]] = []
        self.moments: list[float] = []

    async def renew(self, leases: Sequence[LeaseToken], seconds: float) -> list[LeaseToken | None]:
        """Renew a lease, or refuse to."""
        assert seconds == LEASE_SECONDS
        self.asked.append([lease.until for lease in leases])
        self.moments.append(self.clock())
        await asyncio.sleep(self.seconds)
        if self.answers:
            answer = self.answers.pop(0)
            if answer is not None:
                raise answer
            return [None for _ in leases]
        return [LeaseToken(lease.user_id, lease.memory_id, lease.until + 1) for lease in leases]

    def lease(self) -> Lease:
        """Return the lease of one delivery."""
        return Lease(self.renew, {1: FIRST})


def until(lease: Lease) -> float:
    """Return when a settlement says that the lease ends."""
    [settlement] = lease.noted([Done(seq=1, provider="home")])
    assert settlement.lease is not None
    return settlement.lease.until


def play(act: Callable[[Lender], Coroutine[Any, Any, None]]) -> None:
    """Run to the end; long after it nothing is renewed, and no task is left."""

    async def main(clock: FakeClock) -> None:
        lender = Lender(clock)
        await act(lender)
        assert len(asyncio.all_tasks()) == 1
        asked = len(lender.asked)
        await asyncio.sleep(10 * LEASE_SECONDS)
        assert len(lender.asked) == asked

    simulate(main)


def test_a_quick_try_costs_no_task_and_no_renewal() -> None:
    """It has ended before the first renewal, and settles with the lease that it began with."""

    async def act(lender: Lender) -> None:
        async with lender.lease() as lease:
            await asyncio.sleep(RENEWED_EVERY - LITTLE)
            assert len(asyncio.all_tasks()) == 1

        assert (lender.asked, until(lease)) == ([], 100)

    play(act)


def test_a_slow_try_keeps_its_lease() -> None:
    """Each renewal is of the lease that the one before gave, and comes long before that ends."""

    async def act(lender: Lender) -> None:
        started = lender.clock()
        async with lender.lease() as lease:
            await asyncio.sleep(4 * RENEWED_EVERY + LITTLE)

        assert lender.asked == [[100], [101], [102], [103]]
        assert lender.moments == pytest.approx([started + RENEWED_EVERY * number for number in (1, 2, 3, 4)])
        assert until(lease) == 104

    play(act)


def test_a_lease_may_be_entered_again() -> None:
    """It goes on with the lease that it had, and begins to count anew."""

    async def act(lender: Lender) -> None:
        lease = lender.lease()
        async with lease:
            await asyncio.sleep(RENEWED_EVERY + LITTLE)
        async with lease:
            await asyncio.sleep(RENEWED_EVERY + LITTLE)

        assert (lender.asked, until(lease)) == ([[100], [101]], 102)

    play(act)


def test_nothing_lent_is_nothing_to_renew() -> None:
    """However long it takes; a settlement says nothing of a lease then."""

    async def act(lender: Lender) -> None:
        async with Lease(lender.renew, {}) as lease:
            await asyncio.sleep(4 * RENEWED_EVERY)

        assert lender.asked == []
        assert lease.noted([Done(seq=1, provider="home")]) == [Done(seq=1, provider="home")]

    play(act)


@pytest.mark.parametrize("answer", [JournalUnavailable("gone"), None])
def test_a_renewal_that_fails_is_tried_again(answer: BaseException | None) -> None:
    """The journal may be back, and what is not held may have been replaced at that very moment; the try goes on."""

    async def act(lender: Lender) -> None:
        lender.answers = [answer]
        async with lender.lease() as lease:
            await asyncio.sleep(2 * RENEWED_EVERY + LITTLE)

        assert (lender.asked, until(lease)) == ([[100], [100]], 101)

    play(act)


def test_a_bug_in_a_renewal_is_told() -> None:
    """The try hears nothing of it."""

    async def act(lender: Lender) -> None:
        lender.answers = [ValueError("a bug")]
        with capture_logs() as logs:
            async with lender.lease():
                await asyncio.sleep(4 * RENEWED_EVERY)

        assert [log["event"] for log in logs] == ["background_task_failed"]

    play(act)


@pytest.mark.parametrize(("seconds", "expires"), [(0.05, 101), (50.0, 100)])
def test_a_renewal_under_way_at_the_end_is_waited_for_a_moment(seconds: float, expires: float) -> None:
    """So that the settlement tells of the right lease; but not for long."""

    async def act(lender: Lender) -> None:
        lender.seconds = seconds
        async with lender.lease() as lease:
            await asyncio.sleep(RENEWED_EVERY + LITTLE)
            ended = lender.clock()

        assert until(lease) == expires
        assert lender.clock() - ended < 0.2

    play(act)


@pytest.mark.parametrize("seconds", [RENEWED_EVERY / 2, RENEWED_EVERY + LITTLE])
def test_a_cancelled_try_ends_at_once(seconds: float) -> None:
    """Whether a renewal is under way or not, and leaves none behind."""

    async def act(lender: Lender) -> None:
        lender.seconds = 50.0

        async def work() -> None:
            async with lender.lease():
                await asyncio.sleep(100)

        task = asyncio.create_task(work())
        await asyncio.sleep(seconds)
        cancelled = lender.clock()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert task.cancelled()
        assert lender.clock() == cancelled

    play(act)


def test_a_try_cancelled_while_it_waits_for_a_renewal_leaves_none() -> None:
    """Neither the wait nor the renewal goes on."""

    async def act(lender: Lender) -> None:
        lender.seconds = 50.0

        async def work() -> None:
            async with lender.lease():
                await asyncio.sleep(RENEWED_EVERY + LITTLE)

        task = asyncio.create_task(work())
        await asyncio.sleep(RENEWED_EVERY + 2 * LITTLE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert task.cancelled()

    play(act)


def test_a_failed_try_stays_failed() -> None:
    """Its error reaches the caller."""

    async def act(lender: Lender) -> None:
        async def work() -> None:
            async with lender.lease():
                await asyncio.sleep(2 * RENEWED_EVERY)
                raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"):
            await work()

    play(act)
