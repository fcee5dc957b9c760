"""What every journal promises of deliveries at an append: leased to the caller, replaced, never two at once."""

import asyncio
from collections.abc import Callable

import pytest

from providers.journal.base import Journal
from providers.journal.operations import Dead, Delivery, Done, Postponed, Settlement
from tests.providers.journal.rig import LONG, delete, due, leased, put, remember, settle, update

SHORT = 0.1  # seconds


async def test_the_caller_leases_the_delivery_to_one_provider(journal: Journal) -> None:
    """No other caller gets a delivery while it is held; the other provider's is due at once."""
    await journal.append([remember("long")], held="home", seconds=LONG)
    await journal.append([remember("short")], held="home", seconds=SHORT)
    await asyncio.sleep(SHORT)

    assert [delivery.state.id for delivery in await leased(journal, "home")] == ["short"]
    assert [delivery.state.id for delivery in await leased(journal, "standby")] == ["long", "short"]


async def test_what_nobody_holds_is_due_at_once(journal: Journal) -> None:
    """Without a holder every delivery is due, and a holder that is no member changes nothing."""
    await journal.append([remember()])
    await journal.append([remember()], held="nobody", seconds=LONG)

    assert len(await due(journal, "home")) == 2
    assert len(await due(journal, "standby")) == 2


async def test_what_is_repeated_is_not_leased(journal: Journal) -> None:
    """A repeated operation leaves its delivery where it is."""
    entry = await put(journal, remember("m"))
    await journal.append([remember("m")], held="home", seconds=LONG)

    assert await due(journal, "home") == [entry.seq]


async def test_what_is_refused_takes_nothing_away(journal: Journal) -> None:
    """A rejected operation leaves the known deliveries as they are."""
    entry = await put(journal, remember("m"))
    await journal.append([remember("m", "coffee")], held="home", seconds=LONG)

    assert await due(journal, "home") == [entry.seq]


async def test_only_the_newest_operation_of_a_memory_is_delivered(journal: Journal) -> None:
    """An append removes the deliveries of its predecessors at every provider."""
    await put(journal, remember("m"))
    await put(journal, update("m", "coffee"))
    tombstone = await put(journal, delete("m"))

    assert await due(journal, "home") == [tombstone.seq]
    assert await due(journal, "standby") == [tombstone.seq]


async def test_what_replaces_a_leased_delivery_waits_for_its_return(journal: Journal) -> None:
    """The predecessor may be under way, so its successor is not due before; at the other provider it is at once."""
    await journal.append([remember("long"), remember("short")])
    for seconds in (LONG, SHORT):
        await journal.lease("home", 1, seconds)
    edits = [await put(journal, update(name, "coffee")) for name in ("long", "short")]
    await asyncio.sleep(SHORT)

    assert await due(journal, "home") == [edits[1].seq]
    assert await due(journal, "standby") == [entry.seq for entry in edits]


@pytest.mark.parametrize(
    ("became", "free"),
    [
        (lambda taken: Done(seq=taken.seq, provider="home", lease=taken.lease), True),
        (lambda taken: Dead(seq=taken.seq, provider="home", lease=taken.lease, error="no"), True),
        (lambda taken: Postponed(seq=taken.seq, provider="home", lease=taken.lease, delay=0), True),
        (lambda taken: Postponed(seq=taken.seq, provider="home", lease=taken.lease, delay=LONG), False),
    ],
)
async def test_what_replaces_a_leased_delivery_waits_until_that_is_settled(
    journal: Journal, became: Callable[[Delivery], Settlement], *, free: bool
) -> None:
    """A settled predecessor is not under way any more; a provider that asked for a delay gets it."""
    await journal.append([remember("m"), remember("other")])
    [taken, _] = await leased(journal, "home", LONG)
    await put(journal, update("m", "coffee"))
    tombstone = await put(journal, delete("m"))
    await put(journal, update("other", "coffee"))

    await settle(journal, became(taken))

    assert await due(journal, "home") == ([tombstone.seq] if free else [])


async def test_a_late_settlement_frees_nothing_that_was_leased_since(journal: Journal) -> None:
    """A delivery that is leased again after its time is under way, even if its predecessor is settled then."""
    await put(journal, remember("m"))
    [taken] = await leased(journal, "home", SHORT)
    await put(journal, update("m", "coffee"))
    await asyncio.sleep(SHORT)
    [again] = await leased(journal, "home", LONG)
    last = await put(journal, delete("m"))

    await settle(journal, Done(seq=taken.seq, provider="home", lease=taken.lease))
    assert await due(journal, "home") == []

    await settle(journal, Done(seq=again.seq, provider="home", lease=again.lease))
    assert await due(journal, "home") == [last.seq]


async def test_a_settlement_frees_nothing_elsewhere(journal: Journal) -> None:
    """At another provider the predecessor may still be under way; and a dead letter stays one."""
    await put(journal, remember("m"))
    [taken] = await leased(journal, "home", LONG)
    await leased(journal, "standby", LONG)
    edited = await put(journal, update("m", "coffee"))
    await settle(journal, Dead(seq=edited.seq, provider="home", error="no"))

    await settle(journal, Done(seq=taken.seq, provider="home", lease=taken.lease))

    assert await due(journal, "home") == await due(journal, "standby") == []
    assert [letter.seq for letter in await journal.dead(10)] == [edited.seq]


async def test_what_replaces_a_postponed_delivery_waits_as_long(journal: Journal) -> None:
    """A provider that asked for a delay gets it for the successor, too."""
    entry = await put(journal, remember("m"))
    await settle(journal, Postponed(seq=entry.seq, provider="home", delay=LONG))
    await put(journal, update("m", "coffee"))

    assert await due(journal, "home") == []


async def test_the_wait_is_handed_on_within_one_call(journal: Journal) -> None:
    """Two operations on one memory in one call both wait for the leased delivery."""
    await put(journal, remember("m"))
    await leased(journal, "home", LONG)
    await journal.append([update("m", "coffee"), delete("m")])

    assert await due(journal, "home") == []


async def test_a_holder_does_not_wait(journal: Journal) -> None:
    """A delivery that the caller holds is due after its own time, however long the predecessor was leased."""
    await put(journal, remember("m"))
    await leased(journal, "home", LONG)
    await journal.append([update("m", "coffee")], held="home", seconds=0)

    assert len(await due(journal, "home")) == 1


async def test_what_replaces_a_dead_letter_is_due_at_once(journal: Journal) -> None:
    """A dead letter is not under way; its successor starts afresh, and the letter is gone."""
    entry = await put(journal, remember("m"))
    await settle(journal, Dead(seq=entry.seq, provider="home", error="no"))
    edited = await put(journal, update("m", "coffee"))

    [delivery] = await leased(journal, "home")
    assert (delivery.seq, delivery.failures, delivery.failed_at) == (edited.seq, 0, 0.0)
    assert await journal.dead(10) == []


async def test_what_replaces_a_failed_delivery_starts_afresh(journal: Journal) -> None:
    """Failures are those of an operation, not of its memory."""
    entry = await put(journal, remember("m"))
    await settle(journal, Postponed(seq=entry.seq, provider="home", delay=0, counts=True))
    await put(journal, update("m", "coffee"))

    [delivery] = await leased(journal, "home")
    assert (delivery.failures, delivery.failed_at) == (0, 0.0)
