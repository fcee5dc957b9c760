"""Every journal promises to drop nothing that some member has not confirmed, and no tombstone unless asked to."""

import pytest

from providers.journal.base import Journal
from providers.journal.operations import Dead, Done, JournalEntry
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, confirm, delete, due, entries, leased, put, remember, settle, update


async def confirmed_tombstone(journal: Journal, memory_id: str | None = None) -> JournalEntry:
    """Return a tombstone that every member has confirmed."""
    entry = await put(journal, delete(memory_id))
    await confirm(journal, entry)
    return entry


async def test_what_everybody_confirmed_is_pruned(journal: Journal) -> None:
    """A pruned operation is counted, and nothing is known of its memory any more: the id is new again."""
    entries = [await put(journal, remember(name)) for name in ("a", "b", "c")]
    for entry in entries[:2]:
        await confirm(journal, entry)

    assert await journal.prune(0) == 2
    assert [await journal.newest(Owner(USER), name) for name in ("a", "b", "c")] == [None, None, entries[2]]
    assert await journal.prune(0) == 0
    await put(journal, remember("a", "something else"))


async def test_what_is_young_is_not_pruned(journal: Journal) -> None:
    """Only what is older than so many seconds is dropped."""
    await confirm(journal, await put(journal, remember("m")))

    assert await journal.prune(LONG) == 0
    assert await journal.newest(Owner(USER), "m") is not None


async def test_what_somebody_has_not_confirmed_is_not_pruned(journal: Journal) -> None:
    """An operation that is pending, leased or a dead letter stays until it is confirmed; a discarded one, too."""
    pending, dead = await put(journal, remember()), await put(journal, remember())
    await confirm(journal, pending, "home")
    await confirm(journal, dead, "home")
    await leased(journal, "standby", LONG)
    await settle(journal, Dead(seq=dead.seq, provider="standby", error="no"))

    assert await journal.prune(0) == 0
    await journal.discard(dead.seq, "standby")
    assert await journal.prune(0) == 0
    await confirm(journal, dead, "standby")
    assert await journal.prune(0) == 1
    await confirm(journal, pending, "standby")
    assert await journal.prune(0) == 1


async def test_a_member_who_left_keeps_nothing_from_being_pruned(journal: Journal) -> None:
    """An operation that only a former member has not confirmed is confirmed by all."""
    await confirm(journal, await put(journal, remember()), "home")
    await journal.leave("standby")

    assert await journal.prune(0) == 1


async def test_a_tombstone_is_not_pruned(journal: Journal) -> None:
    """A deletion wins for ever: a tombstone stays when every member has confirmed it."""
    await confirmed_tombstone(journal, "m")

    assert await journal.prune(0) == 0
    assert await journal.newest(Owner(USER), "m") is not None


@pytest.mark.thorough
async def test_much_is_pruned_at_once(journal: Journal) -> None:
    """There is no limit to what one call drops, and an operation that stays does not hide those behind it."""
    stays = await put(journal, remember())
    for _ in range(5):
        await journal.append([remember() for _ in range(1_000)])
    while deliveries := await journal.lease("home", 1_000, LONG):
        for provider in ("home", "standby"):
            await settle(
                journal,
                *[Done(seq=d.seq, provider=provider) for d in deliveries if d.seq != stays.seq],
            )

    assert await journal.prune(0) == 5_000
    assert (await journal.status()).operations == 1


async def test_confirmed_tombstones_are_given_in_their_order(journal: Journal) -> None:
    """As many as asked for are returned, behind a number, from the oldest on."""
    entries = [await confirmed_tombstone(journal) for _ in range(3)]
    seqs = [entry.seq for entry in entries]

    given = await journal.tombstones(10, 0)
    assert [(entry.seq, entry.state, entry.pending) for entry in given] == [
        (entry.seq, entry.state, frozenset()) for entry in entries
    ]
    assert [entry.seq for entry in await journal.tombstones(2, 0)] == seqs[:2]
    assert [entry.seq for entry in await journal.tombstones(2, 0, after=seqs[1])] == seqs[2:]
    assert await journal.tombstones(2, 0, after=seqs[2]) == []


async def test_only_old_and_confirmed_tombstones_are_given(journal: Journal) -> None:
    """No young tombstone is returned, none that a member has not confirmed, and no live memory."""
    await confirmed_tombstone(journal)
    dead = await put(journal, delete())
    await confirm(journal, dead, "home")
    await settle(journal, Dead(seq=dead.seq, provider="standby", error="no"))
    await put(journal, delete())
    await confirm(journal, await put(journal, remember()))

    assert await journal.tombstones(10, LONG) == []
    assert len(await journal.tombstones(10, 0)) == 1
    await confirm(journal, dead, "standby")
    assert len(await journal.tombstones(10, 0)) == 2


async def test_a_tombstone_is_delivered_again(journal: Journal) -> None:
    """A tombstone is due at once at the provider where a copy was found, and at no other."""
    tombstone = await confirmed_tombstone(journal)
    await journal.redeliver(tombstone.seq, "home")

    [delivery] = await leased(journal, "home", LONG)
    assert (delivery.seq, delivery.state, delivery.failures) == (tombstone.seq, tombstone.state, 0)
    assert await due(journal, "standby") == []
    assert await journal.tombstones(10, 0) == []


async def test_only_a_confirmed_tombstone_is_delivered_again(journal: Journal) -> None:
    """A leased delivery stays leased, a dead letter stays dead; live memories and unknown ones are ignored."""
    live, tombstone = await put(journal, remember()), await put(journal, delete())
    await confirm(journal, live)
    await leased(journal, "home", LONG)
    await settle(journal, Dead(seq=tombstone.seq, provider="standby", error="no"))
    for seq in (live.seq, tombstone.seq, 10**9):
        for provider in ("home", "standby", "nobody"):
            await journal.redeliver(seq, provider)

    assert [await due(journal, provider) for provider in ("home", "standby", "nobody")] == [[], [], []]
    assert len(await journal.dead(10)) == 1
    await confirm(journal, tombstone, "home", "standby")
    assert len(await journal.tombstones(10, 0)) == 1


async def test_a_tombstone_is_forgotten(journal: Journal) -> None:
    """All that was known of the memory is dropped with it: its id is new again."""
    await put(journal, remember("m"))
    await put(journal, update("m", "coffee"))
    tombstone = await confirmed_tombstone(journal, "m")
    await journal.forget([tombstone.seq])

    assert await journal.newest(Owner(USER), "m") is None
    assert await entries(journal) == []
    assert (await journal.status()).operations == 0
    await put(journal, remember("m"))


async def test_only_a_confirmed_tombstone_is_forgotten(journal: Journal) -> None:
    """A tombstone with a delivery, leased, dead or made again, is kept, and so is every live memory."""
    live, again, dead, gone = [
        await put(journal, operation) for operation in (remember(), delete(), delete(), delete())
    ]
    for entry in (live, again, gone):
        await confirm(journal, entry)
    await journal.redeliver(again.seq, "home")
    await confirm(journal, dead, "home")
    await settle(journal, Dead(seq=dead.seq, provider="standby", error="no"))
    await journal.forget([live.seq, again.seq, dead.seq, gone.seq, 10**9])
    await journal.forget([])

    known = [await journal.newest(Owner(USER), entry.state.id) for entry in (live, again, dead, gone)]
    assert [entry is not None for entry in known] == [True, True, True, False]
