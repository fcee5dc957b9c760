"""Every journal promises to list its outstanding deliveries."""

import time

from providers.journal.base import Journal
from providers.journal.operations import Dead, Done, OperationKind, PendingDelivery, Postponed
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, confirm, delete, leased, put, remember, settle, update


def places(deliveries: list[PendingDelivery]) -> list[tuple[int, str]]:
    """Return the operation and the provider of a delivery."""
    return [(one.seq, one.provider) for one in deliveries]


async def test_a_pending_delivery_tells_what_goes_where(journal: Journal) -> None:
    """A pending delivery names the operation and its memory, not the text, and when it is due."""
    before = time.time()
    entry = await put(journal, remember("m", "private"))

    [home, standby] = await journal.pending(10)
    assert home == PendingDelivery(
        seq=entry.seq,
        provider="home",
        kind=OperationKind.REMEMBER,
        user_id=USER,
        memory_id="m",
        error="",
        failures=0,
        appended_at=home.appended_at,
        due_at=home.due_at,
    )
    assert standby.provider == "standby"
    assert before - 1 < home.appended_at <= home.due_at + 0.001 < time.time() + 1


async def test_a_failure_is_told_with_the_next_moment(journal: Journal) -> None:
    """A postponed delivery shows its error, its failures and its next moment."""
    entry = await put(journal, remember())
    await settle(journal, Postponed(seq=entry.seq, provider="home", delay=LONG, error="busy", counts=True))

    [home] = await journal.pending(10, provider="home")
    assert (home.error, home.failures) == ("busy", 1)
    assert home.due_at > time.time() + LONG - 60


async def test_what_is_leased_is_still_pending(journal: Journal) -> None:
    """A delivery under way is pending."""
    entry = await put(journal, remember())
    await leased(journal, "home", LONG)

    assert places(await journal.pending(10)) == [(entry.seq, "home"), (entry.seq, "standby")]


async def test_what_arrived_or_was_given_up_is_not_pending(journal: Journal) -> None:
    """Confirmed deliveries and dead letters are not pending."""
    first, second, third = [await put(journal, remember()) for _ in range(3)]
    await confirm(journal, first)
    await settle(journal, Done(seq=second.seq, provider="home"), Dead(seq=third.seq, provider="standby", error="no"))

    assert places(await journal.pending(10)) == [(second.seq, "standby"), (third.seq, "home")]


async def test_what_was_replaced_is_not_pending(journal: Journal) -> None:
    """Of several operations on one memory only the newest is pending."""
    await put(journal, remember("m"))
    await put(journal, update("m", "coffee"))
    entry = await put(journal, delete("m"))

    [home, standby] = await journal.pending(10)
    assert places([home, standby]) == [(entry.seq, "home"), (entry.seq, "standby")]
    assert home.kind is OperationKind.DELETE


async def test_pending_deliveries_are_given_from_the_oldest_on(journal: Journal) -> None:
    """A page holds the deliveries of so many operations behind a number; those of one operation are not separated."""
    entries = [await put(journal, remember(user=user)) for user in ("c", "a", "b")]
    first, second, third = [entry.seq for entry in entries]

    assert places(await journal.pending(2)) == [(seq, to) for seq in (first, second) for to in ("home", "standby")]
    assert places(await journal.pending(2, after=second)) == [(third, "home"), (third, "standby")]
    assert await journal.pending(2, after=third) == []


async def test_those_to_one_provider_can_be_asked_for(journal: Journal) -> None:
    """A page for one provider is full of operations that this provider lacks."""
    first, second, third = [await put(journal, remember()) for _ in range(3)]
    await confirm(journal, first, "standby")

    assert places(await journal.pending(2, provider="standby")) == [(second.seq, "standby"), (third.seq, "standby")]
    assert places(await journal.pending(1, provider="home")) == [(first.seq, "home")]
    assert await journal.pending(2, provider="nobody") == []


async def test_the_undelivered_versions_of_a_memory_are_known_with_their_providers(journal: Journal) -> None:
    """What is due or leased, and neither what is confirmed nor what is given up, although the journal retains it."""
    entry = await put(journal, remember("m"))
    await put(journal, remember("another"))
    await put(journal, remember("m", user="another"))
    assert await journal.undelivered(Owner(USER), "m") == {1: {"home", "standby"}}

    await leased(journal, "standby", LONG)
    await confirm(journal, entry, "home")
    assert await journal.undelivered(Owner(USER), "m") == {1: {"standby"}}
    await settle(journal, Dead(seq=entry.seq, provider="standby", error="no"))
    assert await journal.undelivered(Owner(USER), "m") == {}
    assert await journal.newest(Owner(USER), "m") is not None
    assert await journal.undelivered(Owner(USER), "unknown") == {}


async def test_undelivered_are_superseded_versions_as_well(journal: Journal) -> None:
    """Each at the members that keep history, until those confirm it."""
    await journal.note_history("standby", keeps=True)
    first = await put(journal, remember("m"))
    second = await put(journal, update("m", "coffee"))
    assert await journal.undelivered(Owner(USER), "m") == {1: {"standby"}, 2: {"home", "standby"}}

    await confirm(journal, first, "standby")
    await confirm(journal, second)
    assert await journal.undelivered(Owner(USER), "m") == {}
