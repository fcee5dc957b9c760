"""Every journal promises that a holder keeps its delivery by renewals, and takes none from another holder."""

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from providers.journal.base import MAX_LEASED, Journal
from providers.journal.operations import Appended, Dead, Delivery, Done, LeaseToken, Operation, Postponed, Settlement
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, delete, due, entries, leased, put, remember, settle, update

SHORT = 0.1  # seconds


async def held(journal: Journal, operation: Operation, seconds: float, *, at: str = "home") -> Appended:
    """Append an operation whose delivery to a provider is leased to the caller."""
    [answer] = await journal.append([operation], held=at, seconds=seconds)
    assert isinstance(answer, Appended)
    return answer


async def lease_of(journal: Journal, operation: Operation, seconds: float) -> LeaseToken:
    """Append an operation, and return the lease of its delivery to home."""
    lease = (await held(journal, operation, seconds)).entry.lease
    assert lease is not None
    return lease


async def test_what_is_renewed_is_nobody_elses(journal: Journal, elsewhere: Journal) -> None:
    """A renewed delivery is not due at the end of the first lease for any caller; others are due then."""
    await journal.append([remember("kept"), remember("left")])
    [kept, left] = await leased(journal, "home", SHORT)

    [lease] = await journal.renew("home", [kept.lease], LONG)
    await asyncio.sleep(SHORT)

    assert lease is not None
    assert (lease.user_id, lease.memory_id) == (USER, "kept")
    assert lease.until == pytest.approx(time.time() + LONG, abs=60)
    assert await due(elsewhere, "home") == await due(journal, "home") == [left.seq]
    assert await due(journal, "standby") == [kept.seq, left.seq]


async def test_a_renewal_counts_from_now(journal: Journal) -> None:
    """A renewal sets the end of the lease anew, however long was left."""
    entry = await put(journal, remember())
    [delivery] = await leased(journal, "home", LONG)

    assert await journal.renew("home", [delivery.lease], 0) != [None]
    assert await due(journal, "home") == [entry.seq]


async def test_a_renewal_is_renewed_by_its_own_lease(journal: Journal) -> None:
    """The former lease is over."""
    await put(journal, remember())
    [delivery] = await leased(journal, "home", LONG)
    [lease] = await journal.renew("home", [delivery.lease], LONG + 1)
    assert lease is not None

    assert await journal.renew("home", [delivery.lease], 0) == [None]
    assert await due(journal, "home") == []
    [again] = await journal.renew("home", [lease], LONG + 2)
    assert again is not None
    assert again.until > lease.until > delivery.until


async def test_what_has_come_back_is_kept_until_somebody_else_gets_it(journal: Journal) -> None:
    """A holder that renews late keeps its delivery if no other holder has leased it in between."""
    await put(journal, remember())
    [delivery] = await leased(journal, "home", 0)

    assert await journal.renew("home", [delivery.lease], LONG) != [None]
    assert await due(journal, "home") == []


async def test_what_was_leased_to_somebody_else_stays_theirs(journal: Journal, elsewhere: Journal) -> None:
    """A holder whose delivery was leased again neither gets it back nor delays it."""
    await put(journal, remember())
    [delivery] = await leased(journal, "home", 0)
    [other] = await leased(elsewhere, "home", LONG)

    assert await journal.renew("home", [delivery.lease], 0) == [None]
    assert await due(journal, "home") == []
    assert await elsewhere.renew("home", [other.lease], LONG) != [None]


@pytest.mark.parametrize(
    ("became", "then_due"),
    [
        (lambda taken: Done(seq=taken.seq, provider="home"), 0),
        (lambda taken: Postponed(seq=taken.seq, provider="home", delay=0), 1),
        (lambda taken: Dead(seq=taken.seq, provider="home", error="no"), 0),
    ],
)
async def test_what_is_settled_is_not_renewed(
    journal: Journal, became: Callable[[Delivery], Settlement], then_due: int
) -> None:
    """A settled delivery stays as it is: confirmed, due at once, or a dead letter."""
    await put(journal, remember())
    [delivery] = await leased(journal, "home", LONG)
    settlement = became(delivery)
    await settle(journal, settlement)

    assert await journal.renew("home", [delivery.lease], LONG) == [None]
    assert len(await due(journal, "home")) == then_due
    assert len(await journal.dead(10)) == isinstance(settlement, Dead)


async def test_what_replaces_a_renewed_delivery_waits_as_long(journal: Journal) -> None:
    """The replacement is due when the current lease is settled, and not when an older one is."""
    await put(journal, remember("m"))
    [delivery] = await leased(journal, "home", SHORT)
    await put(journal, update("m", "coffee"))
    tombstone = await put(journal, delete("m"))

    [lease] = await journal.renew("home", [delivery.lease], LONG)
    await settle(journal, Done(seq=delivery.seq, provider="home", lease=delivery.lease))
    await asyncio.sleep(SHORT)
    assert await due(journal, "home") == []

    await settle(journal, Done(seq=delivery.seq, provider="home", lease=lease))
    assert await due(journal, "home") == [tombstone.seq]


async def test_what_replaces_a_renewed_delivery_waits_at_that_provider_alone(journal: Journal) -> None:
    """A lease belongs to one provider."""
    await put(journal, remember("m"))
    [delivery] = await leased(journal, "home", LONG)
    edited = await put(journal, update("m", "coffee"))

    assert await journal.renew("standby", [delivery.lease], LONG) == [None]
    assert await journal.renew("home", [delivery.lease], LONG) != [None]
    assert await due(journal, "standby") == [edited.seq]


async def test_what_replaced_it_and_was_leased_since_is_not_renewed(journal: Journal) -> None:
    """The holder of the successor has it alone: a deliverer, or the caller that appended it."""
    await put(journal, remember("m"))
    [delivery] = await leased(journal, "home", 0)
    await put(journal, update("m", "coffee"))
    [successor] = await leased(journal, "home", LONG)

    assert await journal.renew("home", [delivery.lease], 0) == [None]
    last = await lease_of(journal, delete("m"), LONG)
    assert await journal.renew("home", [successor.lease], 0) == [None]
    assert await due(journal, "home") == []
    assert await journal.renew("home", [last], 0) != [None]


async def test_what_the_caller_leases_is_renewed_and_settled_as_any_other(journal: Journal) -> None:
    """The entry carries the lease, and a replacement waits until that is settled, and no longer."""
    appended = await held(journal, remember("m"), SHORT)
    assert appended.entry.lease is not None
    [lease] = await journal.renew("home", [appended.entry.lease], LONG)
    edited = await put(journal, update("m", "coffee"))
    await asyncio.sleep(SHORT)
    assert await due(journal, "home") == []

    await settle(journal, Done(seq=appended.entry.seq, provider="home", lease=lease))

    assert await due(journal, "home") == [edited.seq]


async def test_only_what_is_leased_has_a_lease(journal: Journal) -> None:
    """A lease is returned only for a delivery that the caller holds, of a member, for a new operation."""
    assert (await put(journal, remember("m"))).lease is None
    assert (await held(journal, remember("m"), LONG)).entry.lease is None
    assert (await held(journal, remember(), LONG, at="nobody")).entry.lease is None
    assert (await held(journal, update("m", "coffee"), LONG)).entry.lease is not None
    newest = await journal.newest(Owner(USER), "m")
    assert newest is not None
    assert [entry.lease for entry in (newest, *await entries(journal))] == [None, None, None]


async def test_many_are_renewed_in_one_call(journal: Journal) -> None:
    """Each lease gets its answer in order, up to the greatest number; without leases there are no answers."""
    answers = await journal.append([remember(str(number)) for number in range(MAX_LEASED)], held="home", seconds=SHORT)
    leases = [
        answer.entry.lease for answer in answers if isinstance(answer, Appended) and answer.entry.lease is not None
    ]
    gone = [answer for answer in answers[::2] if isinstance(answer, Appended)]
    await settle(journal, *[Done(seq=answer.entry.seq, provider="home") for answer in gone])

    renewed = await journal.renew("home", leases, LONG)

    assert [lease and lease.memory_id for lease in renewed] == [
        str(number) if number % 2 else None for number in range(MAX_LEASED)
    ]
    assert await journal.renew("home", [], LONG) == []


async def test_too_many_are_a_bug(journal: Journal) -> None:
    """More than the greatest number is refused as a whole."""
    await put(journal, remember("m"))
    [delivery] = await leased(journal, "home", 0)
    others = [LeaseToken(USER, str(uuid4()), 0.0) for _ in range(MAX_LEASED)]

    with pytest.raises(ValueError, match="at most 1000"):
        await journal.renew("home", [delivery.lease, *others], LONG)
    assert await due(journal, "home") == [delivery.seq]


async def test_a_renewed_loan_that_ends_is_heard_of(journal: Journal) -> None:
    """A task that waits is woken when the lease ends."""
    await put(journal, remember())
    [delivery] = await leased(journal, "home", LONG)
    await leased(journal, "standby", LONG)
    await journal.renew("home", [delivery.lease], 1.0)
    async with asyncio.timeout(20):
        while not await due(journal, "home"):
            await journal.wait(LONG)
