"""Every journal promises what becomes of a delivery that a provider has taken, but does not show yet."""

import asyncio

import pytest

from providers.journal.base import Journal
from providers.journal.operations import HELD, Dead, Held, Postponed
from tests.providers.journal.rig import LONG, confirm, due, leased, put, remember, settle, update

SHORT = 0.2  # seconds


async def test_what_is_held_is_pending_and_due_later(journal: Journal) -> None:
    """It is leased again when the delay is over, and says that it was held; it is not as old as it was."""
    entry = await put(journal, remember())
    await confirm(journal, entry, "standby")
    await leased(journal, "home", LONG)
    await settle(journal, Held(seq=entry.seq, provider="home", delay=SHORT))

    assert await due(journal, "home") == []
    [pending] = await journal.pending(10)
    assert (pending.error, pending.failures) == (HELD, 0)
    [known] = await journal.entries(entry.state.owner, "home", 10, 10)
    assert known.pending == {"home"}
    assert (await journal.status()).backlogs[0].oldest_seconds == 0
    await asyncio.sleep(2 * SHORT)
    [delivery] = await leased(journal, "home", LONG)
    assert (delivery.seq, delivery.held, delivery.failures) == (entry.seq, True, 0)
    assert 0 < (await journal.status()).backlogs[0].oldest_seconds < 10


async def test_what_is_held_is_not_pruned(journal: Journal) -> None:
    """Reads need it until the provider shows it."""
    entry = await put(journal, remember())
    await confirm(journal, entry, "standby")
    await settle(journal, Held(seq=entry.seq, provider="home", delay=0))

    assert await journal.prune(0.0) == 0
    await confirm(journal, entry)
    assert await journal.prune(0.0) == 1


async def test_a_wait_ends_when_a_held_delivery_is_due(journal: Journal) -> None:
    """The relay looks then, and not at its next poll."""
    entry = await put(journal, remember())
    await journal.wait(0.0)
    await settle(journal, Held(seq=entry.seq, provider="home", delay=SHORT))

    async with asyncio.timeout(10):
        while not [one for one in await journal.lease("home", 10, LONG) if one.held]:
            await journal.wait(30.0)


async def test_a_failure_ends_the_holding(journal: Journal) -> None:
    """The delivery is made once more, from the beginning."""
    entry = await put(journal, remember())
    await settle(journal, Held(seq=entry.seq, provider="home", delay=0))
    await settle(journal, Postponed(seq=entry.seq, provider="home", delay=0, error="unavailable"))

    [delivery] = await leased(journal, "home", LONG)

    assert (delivery.held, delivery.error) == (False, "unavailable")


async def test_a_new_operation_is_not_held(journal: Journal) -> None:
    """It has replaced the one that the provider has taken."""
    entry = await put(journal, remember("m"))
    await settle(journal, Held(seq=entry.seq, provider="home", delay=0))
    replaced = await put(journal, update("m", "coffee"))
    await settle(journal, Held(seq=entry.seq, provider="home", delay=LONG))

    [delivery] = await leased(journal, "home", LONG)

    assert (delivery.seq, delivery.held) == (replaced.seq, False)


async def test_what_replaces_a_held_delivery_is_due_at_once_for_who_holds_the_lease(journal: Journal) -> None:
    """A look that is settled as held releases what came after it."""
    await put(journal, remember("m"))
    [taken] = await leased(journal, "home", LONG)
    replaced = await put(journal, update("m", "coffee"))
    waiting = await due(journal, "home")
    await settle(journal, Held(seq=taken.seq, provider="home", lease=taken.lease, delay=LONG))

    assert (waiting, [one.seq for one in await leased(journal, "home", LONG)]) == ([], [replaced.seq])


@pytest.mark.parametrize("first", [0.0, LONG])
async def test_a_dead_letter_that_is_held_is_none_any_more(journal: Journal, first: float) -> None:
    """The provider has taken it after all."""
    entry = await put(journal, remember())
    await settle(journal, Dead(seq=entry.seq, provider="home", error="no"))
    await settle(journal, Held(seq=entry.seq, provider="home", delay=first))

    assert await journal.dead(10) == []
    assert [one.error for one in await journal.pending(10, provider="home")] == [HELD]
