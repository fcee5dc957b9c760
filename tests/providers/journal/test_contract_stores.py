"""Every journal keeps what it knows of the members' stores: whose it is, their marks and their epochs."""

import asyncio

import pytest

from providers.journal.base import NEWEST_SEARCHED, RESERVED_MARKS, Journal
from providers.journal.operations import Dead, Done, Member, MemberState
from tests.providers.journal.rig import delete, due, put, remember, settle, trace

SOON = 2.0  # seconds, longer than tombstones are delivered before all others


async def member(journal: Journal, name: str) -> Member:
    """Return one member."""
    return next(member for member in await journal.members() if member.name == name)


async def test_the_first_installation_stays(empty: Journal) -> None:
    """A journal belongs to nobody at first, and to one installation ever after."""
    assert await empty.installation() is None
    assert await empty.installation("ours") == "ours"
    assert await empty.installation("theirs") == "ours"
    assert await empty.installation() == "ours"


async def test_how_far_the_patrol_is_stays(empty: Journal) -> None:
    """It is noted for the next process, until the end of the round."""
    assert await empty.patrolled() is None
    await empty.note_patrol("so far")
    assert await empty.patrolled() == "so far"
    await empty.note_patrol(None)
    assert await empty.patrolled() is None


async def test_a_journal_is_founded_by_its_first_member(empty: Journal) -> None:
    """A journal whose members have all left is not new."""
    assert not await empty.founded()
    await empty.join("home", None)
    assert await empty.founded()
    await empty.leave("home")
    assert await empty.founded()


@pytest.mark.parametrize("state", MemberState)
async def test_a_newcomer_joins_with_a_state(empty: Journal, state: MemberState) -> None:
    """Whoever lets a member join knows whether it lacks something."""
    assert (await empty.join("home", "h", state)).state is state


async def test_another_identity_changes_nothing_by_itself(journal: Journal) -> None:
    """A member whose store another process sees as another one stays as it is."""
    known = await member(journal, "home")

    assert await journal.join("home", "another store") == known
    assert await due(journal, "home") == []


async def test_a_member_begins_anew(journal: Journal) -> None:
    """The backfill starts from the first user, and all that the journal knows is due there, dead or not."""
    entries = [await put(journal, remember()) for _ in range(2)]
    await settle(journal, Dead(seq=entries[0].seq, provider="home", error="no"))
    await journal.note_fill("home", after="u", copied=5, copied_users=1)
    await journal.reserve("home", 20)
    await journal.note("home", epoch=1, number=7, lineage="first")
    restarted = await journal.restart("home", epoch=1, identity="another store")

    assert restarted == await member(journal, "home")
    assert (restarted.identity, restarted.state, restarted.restored) == ("another store", MemberState.FILLING, False)
    assert (restarted.fill_after, restarted.copied, restarted.copied_users) == (None, 0, 0)
    assert (restarted.epoch, restarted.noted, restarted.reserved, restarted.lineage) == (2, 0, 20, None)
    assert [m.name for m in await journal.members()] == ["home", "standby"]
    await asyncio.sleep(SOON / 2)
    assert await due(journal, "home") == [entry.seq for entry in entries]
    assert await journal.dead(10) == []
    assert await due(journal, "standby") == [entry.seq for entry in entries]


async def test_tombstones_are_the_first_to_be_delivered_again(journal: Journal) -> None:
    """What was deleted is gone from a restored store before what was stored comes back; a trace concerns no store."""
    await put(journal, trace())
    stored = await put(journal, remember())
    deleted = await put(journal, delete())
    await settle(journal, *(Done(seq=entry.seq, provider="home") for entry in (stored, deleted)))
    await journal.restart("home", epoch=1, identity="store of home")

    assert await due(journal, "home") == [deleted.seq]
    await asyncio.sleep(SOON / 2)
    assert stored.seq in await due(journal, "home")


async def test_of_two_who_restart_a_member_one_does(journal: Journal) -> None:
    """Two processes see the same at once."""
    first = await journal.restart("home", epoch=1, identity="store of home", restored=True, behind=60.0)
    second = await journal.restart("home", epoch=1, identity="store of home")

    assert first == second
    assert first is not None
    assert (first.restored, first.behind, first.epoch) == (True, 60.0, 2)
    assert await journal.restart("nobody", epoch=1, identity="n") is None


async def test_a_new_epoch_is_above_every_one_that_was_seen(journal: Journal) -> None:
    """A store may know an epoch that its journal has lost; a member that lacks nothing stays complete."""
    restarted = await journal.restart("home", epoch=1, identity="store of home", above=5, state=MemberState.COMPLETE)

    assert restarted is not None
    assert (restarted.epoch, restarted.state) == (6, MemberState.COMPLETE)


@pytest.mark.parametrize("ours", [True, False])
async def test_whether_a_store_holds_nothing_but_ours_is_known_from_its_beginning(
    journal: Journal,
    ours: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Of the store that was met first under a name, and of each one that replaces it."""
    await journal.join("newcomer", None, ours=True)
    assert (await journal.join("newcomer", "n", ours=ours)).ours is ours
    assert (await journal.join("newcomer", "n", ours=not ours)).ours is ours

    same = await journal.restart("newcomer", epoch=1, identity="n", ours=not ours)
    assert same is not None
    assert same.ours is ours
    another = await journal.restart("newcomer", epoch=2, identity="another store", ours=not ours)
    assert another is not None
    assert another.ours is not ours


async def test_who_had_everything_holds_nothing_but_ours(journal: Journal) -> None:
    """Also if it lacks something later, however that came; another store in its place began otherwise."""
    restored = await journal.restart("home", epoch=1, identity="store of home", restored=True)
    assert restored is not None
    assert restored.ours
    replaced = await journal.restart("home", epoch=2, identity="another store")
    assert replaced is not None
    assert not replaced.ours
    await journal.mark("home", MemberState.COMPLETE)
    assert not (await member(journal, "home")).ours
    await journal.mark("home", MemberState.FILLING)
    assert (await member(journal, "home")).ours


@pytest.mark.parametrize("state", MemberState)
async def test_a_state_ends_what_was_restored(journal: Journal, state: MemberState) -> None:
    """A member that is complete, or filled from others, is not restored any more."""
    await journal.restart("home", epoch=1, identity="store of home", restored=True, behind=60.0)
    await journal.mark("home", state)

    assert (await member(journal, "home")).restored is False


async def test_marks_grow(journal: Journal) -> None:
    """A lower number and another epoch are late words of somebody else."""
    await journal.reserve("home", 30)
    await journal.reserve("home", 20)
    await journal.note("home", epoch=1, number=12, lineage="a")
    await journal.note("home", epoch=1, number=11, lineage="b")
    await journal.note("home", epoch=2, number=13, lineage="b")

    home = await member(journal, "home")
    assert (home.reserved, home.noted, home.lineage) == (30, 12, "a")
    await journal.note("home", epoch=1, number=30, lineage="a")
    assert (await member(journal, "home")).reserved == 30 + RESERVED_MARKS
    assert home.noted_at > home.joined_at - 1
    assert (await member(journal, "standby")).noted == 0


async def test_a_mark_is_noted_once(journal: Journal) -> None:
    """Whoever notes its number again has left another mark under it; what came too late says nothing."""
    assert await journal.note("home", epoch=1, number=3, lineage="a")
    assert not await journal.note("home", epoch=1, number=3, lineage="b")
    assert (await member(journal, "home")).lineage == "a"

    assert await journal.note("home", epoch=1, number=2, lineage="a")
    assert await journal.note("home", epoch=2, number=3, lineage="a")
    assert await journal.note("home", epoch=1, number=4, lineage="a")


async def test_what_a_provider_has_confirmed_is_found_newest_first(journal: Journal) -> None:
    """Neither what is pending there, nor a trace, nor what is younger than asked for."""
    await put(journal, trace())
    [first, second, third, pending] = [await put(journal, remember()) for _ in range(4)]
    await settle(journal, *(Done(seq=entry.seq, provider="home") for entry in (first, second, third)))

    assert [entry.seq for entry in await journal.confirmed("home", 2, 0.0)] == [third.seq, second.seq]
    assert [entry.state for entry in await journal.confirmed("home", 9, 0.0)] == [
        entry.state for entry in (third, second, first)
    ]
    assert await journal.confirmed("home", 9, 60.0) == []
    assert await journal.confirmed("standby", 9, 0.0) == []
    assert pending.seq in await due(journal, "standby")


@pytest.mark.parametrize("newer", [NEWEST_SEARCHED - 1, NEWEST_SEARCHED])
async def test_only_the_newest_are_searched(journal: Journal, newer: int) -> None:
    """A long backlog of one provider does not have the whole journal read."""
    entry = await put(journal, remember())
    await settle(journal, Done(seq=entry.seq, provider="home"))
    await journal.append([remember() for _ in range(newer)])

    assert bool(await journal.confirmed("home", 1, 0.0)) is (newer < NEWEST_SEARCHED)


async def test_what_was_found_in_a_former_epoch_does_not_count(journal: Journal) -> None:
    """A store that was rolled back while it was being filled is not complete."""
    await journal.restart("home", epoch=1, identity="store of home")
    await journal.mark("home", MemberState.COMPLETE, epoch=1)
    assert (await member(journal, "home")).state is MemberState.FILLING
    await journal.mark("home", MemberState.COMPLETE, epoch=2)
    assert (await member(journal, "home")).state is MemberState.COMPLETE


async def test_quarantines_are_noted_over_those_that_were_read(empty: Journal) -> None:
    """Of two who have read the same one is refused, and reads again."""
    assert await empty.quarantines() is None
    assert await empty.note_quarantines("first", None)
    assert not await empty.note_quarantines("second", None)
    assert await empty.quarantines() == "first"
    assert await empty.note_quarantines("second", "first")
    assert await empty.quarantines() == "second"
