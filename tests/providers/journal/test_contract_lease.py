"""Every journal promises how deliveries are leased, and how their results are recorded."""

import asyncio
import time

import pytest

from providers.journal.base import MAX_LEASED, Journal
from providers.journal.operations import Delivery, Done, Postponed
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, confirm, due, leased, put, remember, settle, update

SHORT = 0.1  # seconds


async def test_a_delivery_holds_the_operation(journal: Journal) -> None:
    """A leased delivery contains all that a deliverer needs, and goes to the provider that was asked for."""
    entry = await put(journal, remember())

    [delivery] = await leased(journal, "standby", LONG)

    until, appended_at = delivery.until, delivery.appended_at
    assert until == pytest.approx(time.time() + LONG, abs=60)
    assert 0 <= until - LONG - appended_at < 60
    assert delivery == Delivery(
        seq=entry.seq,
        provider="standby",
        kind=entry.kind,
        state=entry.state,
        appended_at=appended_at,
        until=until,
        failures=0,
        failed_at=0.0,
    )


async def test_what_is_leased_is_nobody_elses(journal: Journal) -> None:
    """A delivery is leased once until its time is over; the one to another provider is leased separately."""
    long, short = [await put(journal, remember()) for _ in range(2)]
    for seconds in (LONG, SHORT):
        await journal.lease("home", 1, seconds)
    await asyncio.sleep(SHORT)

    assert await due(journal, "home") == [short.seq]
    assert await due(journal, "standby") == [long.seq, short.seq]


async def test_the_oldest_are_leased_first(journal: Journal) -> None:
    """As many as asked for are leased, in the order in which they were appended."""
    entries = [await put(journal, remember()) for _ in range(4)]

    taken = [await journal.lease("home", 3, LONG), await journal.lease("home", 3, LONG)]
    assert [[delivery.seq for delivery in part] for part in taken] == [
        [entry.seq for entry in entries[:3]],
        [entries[3].seq],
    ]


async def test_nothing_is_leased_for_nothing(journal: Journal) -> None:
    """A limit of 0 and a provider that is no member get nothing."""
    await put(journal, remember())

    assert await journal.lease("home", 0, LONG) == []
    assert await journal.lease("nobody", 10, LONG) == []


async def test_so_many_are_leased_in_one_call(journal: Journal) -> None:
    """However many are asked for, no more than the greatest number is leased; the rest is leased next."""
    await journal.append([remember() for _ in range(MAX_LEASED)])
    await put(journal, remember())

    assert [len(await journal.lease("home", 10 * MAX_LEASED, LONG)) for _ in range(3)] == [MAX_LEASED, 1, 0]


async def test_what_is_confirmed_is_done(journal: Journal) -> None:
    """A provider that has confirmed gets the operation no more; the other one does."""
    entry = await put(journal, remember())
    await confirm(journal, entry, "home")

    assert await due(journal, "home") == []
    assert await due(journal, "standby") == [entry.seq]


async def test_what_is_postponed_is_due_later(journal: Journal) -> None:
    """A postponed delivery is due after its delay, even if it was leased for longer."""
    long, short = [await put(journal, remember()) for _ in range(2)]
    await leased(journal, "home", LONG)
    await settle(
        journal,
        Postponed(seq=long.seq, provider="home", delay=LONG),
        Postponed(seq=short.seq, provider="home", delay=SHORT),
    )
    await asyncio.sleep(SHORT)

    assert await due(journal, "home") == [short.seq]


@pytest.mark.parametrize(("counts", "failures"), [(True, 2), (False, 0)])
async def test_failures_are_counted_if_they_tell(journal: Journal, counts: bool, failures: int) -> None:  # noqa: FBT001 - a parameter
    """Failures that the operation caused are counted, others are not; the moment of the last one is kept."""
    entry = await put(journal, remember())
    before = time.time()
    for _ in range(2):
        await settle(journal, Postponed(seq=entry.seq, provider="home", delay=0, counts=counts, error="no"))

    [delivery] = await leased(journal, "home")
    assert delivery.failures == failures
    assert before - 1 < delivery.failed_at < time.time() + 1


async def test_each_provider_fails_for_itself(journal: Journal) -> None:
    """A failure at one provider is none at the other."""
    entry = await put(journal, remember())
    await settle(journal, Postponed(seq=entry.seq, provider="home", delay=0, counts=True))

    [delivery] = await leased(journal, "standby")
    assert (delivery.failures, delivery.failed_at) == (0, 0.0)


async def test_what_was_replaced_meanwhile_is_passed_over(journal: Journal) -> None:
    """The confirmation of a predecessor, or its failure, does nothing to its successor."""
    first = await put(journal, remember("m"))
    second = await put(journal, update("m", "coffee"))
    await settle(
        journal,
        Done(seq=first.seq, provider="home"),
        Postponed(seq=first.seq, provider="standby", delay=LONG, counts=True),
    )

    assert await due(journal, "home") == [second.seq]
    [delivery] = await leased(journal, "standby")
    assert (delivery.seq, delivery.failures) == (second.seq, 0)


async def test_what_is_unknown_is_passed_over(journal: Journal) -> None:
    """Settlements of unknown operations or members, or made twice, do no harm to the others of the same call."""
    entry = await put(journal, remember())
    done = Done(seq=entry.seq, provider="home")
    await settle(journal, Done(seq=10**9, provider="home"), Done(seq=entry.seq, provider="nobody"), done, done)
    await settle(journal)

    newest = await journal.newest(Owner(USER), entry.state.id)
    assert newest is not None
    assert newest.pending == {"standby"}


async def test_who_is_late_may_still_confirm(journal: Journal) -> None:
    """A delivery that another holder has leased after its time is confirmed by the first holder, too."""
    entry = await put(journal, remember())
    await leased(journal, "home", 0.0)
    assert len(await leased(journal, "home", LONG)) == 1
    await confirm(journal, entry, "home")

    newest = await journal.newest(Owner(USER), entry.state.id)
    assert newest is not None
    assert newest.pending == {"standby"}
