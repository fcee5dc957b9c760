"""What every journal promises of superseded versions that come from elsewhere: they are as if superseded here."""

import pytest

from providers.erasure.fences import new_key
from providers.erasure.receipts import Erasure
from providers.errors import MemoryDeleted, OwnerErased
from providers.journal.base import MAX_APPENDED, Journal
from providers.journal.operations import Done, KeptVersion
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.journal.rig import LONG, USER, delete, leased, put, remember, settle, update

OWNER = Owner(USER)
BOTH = frozenset({"home", "standby"})


def given(memory_id: str, version: int, content: str = "from elsewhere") -> Snapshot:
    """Return a version of a memory that another store had."""
    return update(memory_id, content, version=version).state


async def keeping(journal: Journal) -> Journal:
    """Have both members keep history."""
    for name in BOTH:
        await journal.note_history(name, keeps=True)
    return journal


async def delivered(journal: Journal, name: str, seconds: float = 0.0) -> list[tuple[int, bool]]:
    """Return the versions that are due at a member, and whether they are superseded."""
    return sorted((one.state.version, one.superseded) for one in await leased(journal, name, seconds))


async def test_they_are_delivered_to_all_who_keep_history(journal: Journal, elsewhere: Journal) -> None:
    """With their states, beside the newest one, and read with the other versions."""
    newest = await put(await keeping(journal), remember("m", version=9))
    first, second = await journal.keep_versions([given("m", 3), given("m", 4)])

    assert isinstance(first, KeptVersion)
    assert isinstance(second, KeptVersion)
    assert (first.pending, second.pending) == (BOTH, BOTH)
    assert newest.seq < first.seq < second.seq
    assert await journal.newest(OWNER, "m") == newest
    assert sorted(state.version for state in await journal.superseded(OWNER, "m")) == [3, 4]
    for name in BOTH:
        assert await delivered(elsewhere, name) == [(3, True), (4, True), (9, False)]
    assert (await put(journal, remember("n"))).seq > second.seq


async def test_the_first_number_may_be_that_of_a_version(journal: Journal) -> None:
    """Nothing was appended before."""
    [first] = await (await keeping(journal)).keep_versions([given("m", 3)])

    assert isinstance(first, KeptVersion)
    assert (await put(journal, remember("n"))).seq > first.seq > 0
    assert await delivered(journal, "home") == [(1, False), (3, True)]


async def test_one_that_is_there_stays(journal: Journal) -> None:
    """A repetition tells that it was found, and who has not confirmed it yet; one in the same call is as new."""
    await keeping(journal)
    [first, twin] = await journal.keep_versions([given("m", 3), given("m", 3, "another")])
    assert isinstance(first, KeptVersion)
    await settle(journal, Done(seq=first.seq, provider="home"))
    [again] = await journal.keep_versions([given("m", 3, "another")])

    assert twin == first
    assert not first.found
    assert again == KeptVersion(first.seq, frozenset({"standby"}), found=True)
    assert [state.content for state in await journal.superseded(OWNER, "m")] == ["from elsewhere"]


async def test_the_caller_may_deliver_to_one_member(journal: Journal) -> None:
    """Nobody else does so for as long as it asks for."""
    await (await keeping(journal)).keep_versions([given("m", 3)], held="home", seconds=LONG)

    assert await delivered(journal, "home") == []
    assert await delivered(journal, "standby") == [(3, True)]


async def test_nobody_who_keeps_history_gets_nothing(journal: Journal) -> None:
    """As with what an append replaces."""
    assert await journal.keep_versions([given("m", 3)]) == [KeptVersion(0, frozenset())]
    assert await journal.superseded(OWNER, "m") == []


async def test_tombstones_and_fences_refuse_them(journal: Journal) -> None:
    """Each alone; a later deletion takes what was kept along."""
    await put(await keeping(journal), delete("gone", version=9))
    begun = await journal.begin_erasure(Erasure(id="e", owner="erased", hash="", requested_at=0.0))
    fence = await journal.fence(begun, new_key())
    late = update("x", "late", version=fence.version, user="erased").state
    answers = await journal.keep_versions([given("gone", 3), late, given("m", 3)])
    await put(journal, delete("m", version=9))

    assert [type(answer) for answer in answers] == [MemoryDeleted, OwnerErased, KeptVersion]
    assert await journal.superseded(OWNER, "m") == await journal.superseded(OWNER, "gone") == []
    assert await delivered(journal, "standby") == [(9, False), (9, False)]


async def test_a_call_has_a_bound(journal: Journal) -> None:
    """As an append has."""
    assert len(await journal.keep_versions([given("m", version) for version in range(1, MAX_APPENDED + 1)])) == 1_000
    with pytest.raises(ValueError, match="at most"):
        await journal.keep_versions([given("m", 1)] * (MAX_APPENDED + 1))
