"""Every journal promises what its numbers count."""

import asyncio

from providers.journal.base import Journal
from providers.journal.operations import Backlog, Dead, JournalStatus
from providers.owners import Owner
from tests.providers.journal.rig import LONG, confirm, delete, leased, put, remember, settle, update


async def test_a_new_journal_counts_nothing(empty: Journal) -> None:
    """An empty journal has no operations, and no member has a backlog."""
    assert await empty.status() == JournalStatus(operations=0, tombstones=0, last_seq=0, backlogs=())


async def test_a_memory_is_one_operation(journal: Journal) -> None:
    """Memories and tombstones are counted once each, and the greatest number ever used is returned."""
    await put(journal, remember("m"))
    await put(journal, update("m", "coffee"))
    await put(journal, remember("n"))
    last = await put(journal, delete("n"))

    status = await journal.status()
    assert (status.operations, status.tombstones, status.last_seq) == (2, 1, last.seq)
    await confirm(journal, last)
    await journal.forget([last.seq])
    status = await journal.status()
    assert (status.operations, status.tombstones, status.last_seq) == (1, 0, last.seq)


async def test_every_member_has_its_backlog(journal: Journal) -> None:
    """Leased deliveries are pending, dead letters are not; a member that confirmed all has none, a new one has all."""
    entries = [await put(journal, remember()) for _ in range(3)]
    for entry in entries:
        await confirm(journal, entry, "standby")
    await leased(journal, "home", LONG)
    await settle(journal, Dead(seq=entries[0].seq, provider="home", error="no"))

    await journal.join("third", None)

    home, standby, third = (await journal.status()).backlogs
    assert (home.provider, home.pending, home.dead) == ("home", 2, 1)
    assert standby == Backlog(provider="standby", pending=0, dead=0, oldest_seconds=0)
    assert (third.provider, third.pending, third.dead) == ("third", 3, 0)


async def test_a_backlog_tells_the_age_of_the_oldest(journal: Journal) -> None:
    """The age is that of the oldest pending delivery; dead letters and confirmed deliveries do not count."""
    first, second = await put(journal, remember()), await put(journal, remember())
    await asyncio.sleep(0.2)
    await put(journal, remember())

    assert 0.2 <= (await journal.status()).backlogs[0].oldest_seconds < 10
    await confirm(journal, first)
    await settle(journal, Dead(seq=second.seq, provider="home", error="no"))
    home, standby = (await journal.status()).backlogs
    assert home.oldest_seconds + 0.15 < standby.oldest_seconds


async def test_a_tombstone_made_due_again_is_young(journal: Journal) -> None:
    """The age is that of the delivery, so that a sweep that finds a copy does not look like an old outage."""
    tombstone, old = await put(journal, delete()), await put(journal, remember())
    await confirm(journal, tombstone)
    await confirm(journal, old, "home")
    await asyncio.sleep(0.2)
    await journal.redeliver(tombstone.seq, "home")

    home, standby = (await journal.status()).backlogs
    assert home.oldest_seconds + 0.15 < standby.oldest_seconds


async def test_the_greatest_version_is_found(journal: Journal) -> None:
    """The greatest version is that of everything known: pending, deleted, or confirmed by all."""
    assert await journal.newest_version() == 0
    entry = await put(journal, remember(version=2**62))
    await put(journal, delete(version=7))
    await confirm(journal, entry)

    assert await journal.newest_version() == 2**62


async def test_the_greatest_version_of_one_user_is_found(journal: Journal) -> None:
    """What others have written does not count."""
    assert await journal.newest_version(Owner("anna")) == 0
    await put(journal, remember(version=2**62, user="otto"))
    await put(journal, remember(version=9, user="anna"))
    await put(journal, delete(version=7, user="anna"))

    assert await journal.newest_version(Owner("anna")) == 9


async def test_the_last_number_is_told_alone(empty: Journal) -> None:
    """It never goes back, whatever the journal forgets."""
    assert await empty.last_seq() == 0
    await put(empty, remember("m"))
    last = await put(empty, delete("m"))
    assert await empty.last_seq() == last.seq

    await empty.forget([last.seq])
    assert await empty.last_seq() == last.seq
