"""Every journal promises which members get writes, and which of them have received everything."""

import time

import pytest

from providers.journal.base import Journal
from providers.journal.operations import Dead, Done, Member, MemberState
from tests.providers.journal.rig import due, put, remember, settle


async def member(journal: Journal, name: str) -> Member:
    """Return one member."""
    return next(member for member in await journal.members() if member.name == name)


async def test_the_first_is_complete_and_the_others_are_to_be_filled(empty: Journal) -> None:
    """The first member has missed nothing; a later one is at the end of the list."""
    before = time.time()
    joined = [await empty.join("home", "h"), await empty.join("standby", None)]

    assert [(m.name, m.identity, m.state) for m in joined] == [
        ("home", "h", MemberState.COMPLETE),
        ("standby", None, MemberState.FILLING),
    ]
    assert all((m.copied, m.copied_users, m.fill_after) == (0, 0, None) for m in joined)
    assert all(before - 1 < m.joined_at < time.time() + 1 for m in joined)
    assert await empty.members() == joined


async def test_without_members_there_are_none(empty: Journal) -> None:
    """A new journal has no members."""
    assert await empty.members() == []


async def test_who_joins_gets_all_that_is_known_and_what_comes_from_then_on(journal: Journal) -> None:
    """A new member has a delivery of all that the journal knows, confirmed by others or not, and of later writes."""
    confirmed = await put(journal, remember())
    pending = await put(journal, remember())
    await settle(journal, *(Done(seq=confirmed.seq, provider=name) for name in ("home", "standby")))
    await journal.join("third", None)
    entry = await put(journal, remember())

    assert entry.pending == {"home", "standby", "third"}
    assert await due(journal, "third") == [confirmed.seq, pending.seq, entry.seq]


async def test_a_member_who_joins_again_is_found(journal: Journal) -> None:
    """Joining twice changes nothing."""
    entry = await put(journal, remember())
    await journal.note_fill("standby", after="u", copied=5, copied_users=1)
    known = await member(journal, "standby")

    assert await journal.join("standby", "store of standby") == known
    assert await due(journal, "standby") == [entry.seq]


async def test_an_unknown_identity_leaves_what_is_known(journal: Journal) -> None:
    """A member that cannot be reached keeps its identity."""
    entry = await put(journal, remember())

    assert (await journal.join("home", None)).identity == "store of home"
    assert (await member(journal, "home")).state is MemberState.COMPLETE
    assert await due(journal, "home") == [entry.seq]


async def test_the_first_identity_is_no_change(empty: Journal) -> None:
    """A member reached for the first time is still the same, complete and with its deliveries."""
    await empty.join("home", None)
    entry = await put(empty, remember())
    joined = await empty.join("home", "h")

    assert (joined.identity, joined.state) == ("h", MemberState.COMPLETE)
    assert await due(empty, "home") == [entry.seq]


async def test_the_progress_of_a_filling_is_kept(journal: Journal) -> None:
    """The recorded progress is that of this member alone."""
    await journal.note_fill("standby", after="kannan", copied=20, copied_users=3)
    await journal.note_fill("standby", after="kumaran", copied=30, copied_users=4)

    standby = await member(journal, "standby")
    assert (standby.fill_after, standby.copied, standby.copied_users) == ("kumaran", 30, 4)
    assert (await member(journal, "home")).fill_after is None


async def test_a_filled_member_is_complete(journal: Journal) -> None:
    """A complete member keeps the counts of its backfill."""
    await journal.note_fill("standby", after="kumaran", copied=30, copied_users=4)
    await journal.mark("standby", MemberState.COMPLETE)

    standby = await member(journal, "standby")
    assert (standby.state, standby.copied, standby.copied_users) == (MemberState.COMPLETE, 30, 4)


@pytest.mark.parametrize("state", MemberState)
async def test_a_member_to_be_filled_starts_from_the_first_user(journal: Journal, state: MemberState) -> None:
    """The backfill starts again whether the member was complete or not; its deliveries stay."""
    entry = await put(journal, remember())
    await journal.mark("standby", state)
    await journal.note_fill("standby", after="kumaran", copied=30, copied_users=4)
    await journal.mark("standby", MemberState.FILLING)

    standby = await member(journal, "standby")
    assert standby.state is MemberState.FILLING
    assert (standby.fill_after, standby.copied, standby.copied_users) == (None, 0, 0)
    assert await due(journal, "standby") == [entry.seq]


async def test_nobody_becomes_a_member_by_being_filled(journal: Journal) -> None:
    """Progress and state of a provider that is no member are ignored."""
    before = await journal.members()
    await journal.note_fill("nobody", after="u", copied=1, copied_users=1)
    await journal.mark("nobody", MemberState.COMPLETE)

    assert await journal.members() == before


async def test_who_leaves_gets_nothing_more(journal: Journal) -> None:
    """The unconfirmed deliveries of a former member are dropped, dead letters too; other members keep theirs."""
    first, second = await put(journal, remember()), await put(journal, remember())
    await settle(journal, Dead(seq=first.seq, provider="standby", error="no"))

    assert await journal.leave("standby") is True
    assert [m.name for m in await journal.members()] == ["home"]
    assert await due(journal, "standby") == []
    assert await journal.dead(10) == []
    assert await due(journal, "home") == [first.seq, second.seq]
    assert (await put(journal, remember())).pending == {"home"}


async def test_who_is_no_member_cannot_leave(journal: Journal) -> None:
    """A second removal reports that there is no such member."""
    await journal.leave("standby")

    assert await journal.leave("standby") is False
    assert await journal.leave("nobody") is False


async def test_who_comes_back_is_to_be_filled(journal: Journal) -> None:
    """A former member has missed writes, even the very first one, and even if no other member is left."""
    await journal.leave("home")
    await journal.leave("standby")

    assert (await journal.join("home", "store of home")).state is MemberState.FILLING
