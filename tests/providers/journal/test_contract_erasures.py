"""Every journal promises that nothing of an erased user is left in it, and that nothing of the user comes back."""

from uuid import uuid4

from msgspec.structs import replace

from providers.erasure.fences import Fence, hash_of, new_key
from providers.erasure.receipts import ErasedInJournal, Erasure
from providers.errors import OwnerErased
from providers.journal.base import Journal
from providers.journal.operations import Appended, Dead
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, delete, put, refusal, remember, update

OTHER = "somebody else"


def requested(user: str = USER) -> Erasure:
    """Return an erasure that nobody has begun."""
    return Erasure(id=str(uuid4()), owner=user, hash="", requested_at=0.0)


async def erased(journal: Journal, version: int, user: str = USER) -> Erasure:
    """Begin an erasure, put its fence, and remove what the journal holds."""
    begun = await journal.begin_erasure(requested(user))
    fenced = await journal.fence(replace(begun, version=version), new_key())
    await journal.purge(fenced.owner, fenced.version)
    return fenced


async def test_what_is_not_above_the_fence_is_refused(journal: Journal) -> None:
    """Whatever kind it is of, and in one call with what other users write."""
    await erased(journal, 10)

    late, above, other = remember("m", version=10), remember("n", version=11), remember("m", version=1, user=OTHER)
    answers = await journal.append([late, other, above])
    assert [type(answer) for answer in answers] == [OwnerErased, Appended, Appended]
    assert isinstance(answers[0], OwnerErased)
    assert answers[0].version == 10
    assert await refusal(journal, update("k", "tea", base=1, version=2)) is OwnerErased
    assert await refusal(journal, delete("k", version=9)) is OwnerErased
    assert await journal.newest(Owner(USER), "m") is None


async def test_what_was_made_of_an_erased_memory_is_refused(journal: Journal) -> None:
    """An edit, and a deletion of one version, whose own version is above the fence; what has no base may be new."""
    await erased(journal, 10)

    whole = delete("d", version=20)
    operations = [update("m", "milk", base=10, version=20), replace(whole, base_version=10)]
    operations += [update("n", "milk", base=11, version=20), replace(whole, base_version=11), remember("k", version=11)]
    answers = await journal.append(operations)
    assert [type(answer) for answer in answers] == [OwnerErased] * 2 + [Appended] * 3
    assert await refusal(journal, update("z", "milk", base=0, version=20)) is OwnerErased
    [answer] = await journal.append([delete("c", version=20)])
    assert isinstance(answer, Appended)
    [answer] = await journal.append([update("m", "milk", base=0, version=20, user=OTHER)])
    assert isinstance(answer, Appended)


async def test_a_large_call_gets_an_answer_to_each(journal: Journal) -> None:
    """More operations than are combined with others, of two users by turns."""
    await erased(journal, 10)

    operations = [remember(f"m{place}", version=5, user=(USER, OTHER)[place % 2]) for place in range(40)]
    answers = await journal.append(operations)
    assert [isinstance(answer, Appended) for answer in answers] == [False, True] * 20


async def test_all_of_the_user_goes_from_the_journal(journal: Journal) -> None:
    """Operations, deliveries, dead letters; what was written above the fence stays, and so do others."""
    await put(journal, remember("m"))
    dead = await put(journal, remember("n", version=2))
    await journal.settle([Dead(seq=dead.seq, provider="home", error="conflict")])
    await put(journal, delete("k", version=3))
    await put(journal, remember("m", user=OTHER))
    fenced = await journal.fence(replace(await journal.begin_erasure(requested()), version=5), new_key())
    await put(journal, remember("new", version=6))

    counts = await journal.purge(fenced.owner, fenced.version)
    assert counts == ErasedInJournal(operations=3, deliveries=5, dead_letters=1)
    assert await journal.dead(10) == []
    assert {(one.user_id, one.memory_id) for one in await journal.pending(10)} == {(OTHER, "m"), (USER, "new")}
    assert await journal.purge(fenced.owner, fenced.version) == ErasedInJournal()


async def test_superseded_versions_and_older_edits_go(journal: Journal) -> None:
    """They hold texts and ids of what the user has written."""
    await journal.note_history("home", keeps=True)
    await put(journal, remember("m"))
    await put(journal, update("m", "tea", base=1, version=2))
    fenced = await journal.fence(replace(await journal.begin_erasure(requested()), version=5), new_key())

    counts = await journal.purge(fenced.owner, fenced.version)
    assert (counts.operations, counts.versions, counts.deliveries) == (1, 1, 3)
    assert await journal.lease("home", 10, LONG) == []


async def test_the_fence_stands_above_all_that_the_journal_holds(journal: Journal) -> None:
    """A host whose clock is ahead may have written it."""
    await put(journal, remember("m", version=50))

    fenced = await journal.fence(replace(await journal.begin_erasure(requested()), version=5), new_key())
    assert fenced.version == 51  # that of the tombstone, for whoever deletes and has not heard of the fence
    assert await refusal(journal, remember("n", version=50)) is OwnerErased


async def test_one_erasure_of_a_user_goes_on_at_a_time(journal: Journal) -> None:
    """A request that is repeated gets the first one, until that is finished."""
    first = await journal.begin_erasure(requested())
    repeated = await journal.begin_erasure(requested())
    assert repeated == replace(first, again=1)
    assert first.requested_at > 0

    await journal.note_erasure(replace(repeated, covered=1, finished_at=1.0))
    second = await journal.begin_erasure(requested())
    assert second.id != first.id
    assert {one.id for one in await journal.erasures(10)} == {first.id, second.id}


async def test_what_was_asked_meanwhile_is_not_forgotten(journal: Journal) -> None:
    """Who works on an erasure may not have seen that it was requested once more: it is not finished by that."""
    first = await journal.begin_erasure(requested())
    await journal.begin_erasure(requested())

    fenced = await journal.fence(replace(first, version=5), new_key())
    assert (fenced.again, fenced.covered) == (1, 0)
    await journal.note_erasure(replace(fenced, again=0, finished_at=1.0))
    told = await journal.erasure(first.id)
    assert told is not None
    assert (told.version, told.again, told.finished_at) == (5, 1, None)

    await journal.note_erasure(replace(told, covered=1, finished_at=2.0))
    finished = await journal.erasure(first.id)
    assert finished is not None
    assert finished.finished_at == 2.0


async def test_a_confirmed_erasure_keeps_the_hash_alone(journal: Journal) -> None:
    """It is not among the open ones any more, and is still told."""
    fenced = await erased(journal, 10)
    await journal.note_erasure(replace(fenced, owner="", finished_at=1.0, confirmed_at=2.0))

    assert await journal.erasures(10, open_only=True) == []
    told = await journal.erasure(fenced.id)
    assert told is not None
    assert (told.owner, told.hash) == ("", fenced.hash)
    assert await journal.erasure(str(uuid4())) is None


async def test_the_list_of_fences_is_followed(journal: Journal) -> None:
    """A fence that is raised comes once more, a lower one changes nothing."""
    key = new_key()
    fences = [Fence(key=key, hash=hash_of(key, user), version=5, erased_at=1.0) for user in (USER, OTHER)]
    await journal.add_fences(fences)
    seen = await journal.fences()
    assert sorted(seen.fences, key=lambda fence: fence.hash) == sorted(fences, key=lambda fence: fence.hash)

    await journal.add_fences([replace(fences[0], version=4)])
    assert (await journal.fences(seen.last)).fences == []
    await journal.add_fences([replace(fences[0], version=6)])
    assert [fence.version for fence in (await journal.fences(seen.last)).fences] == [6]
    assert await refusal(journal, remember("m", version=6)) is OwnerErased


async def test_what_is_too_old_goes(journal: Journal) -> None:
    """The fences, and those erasures that nothing is left to do for."""
    open_one = await journal.begin_erasure(requested(OTHER))
    fenced = await erased(journal, 10)
    await journal.note_erasure(replace(fenced, owner="", finished_at=1.0, confirmed_at=2.0))

    assert await journal.drop_erasures(LONG) == 0
    assert await journal.drop_erasures(-1.0) in {0, 1}
    if await journal.erasure(fenced.id) is None:
        assert (await journal.fences()).fences == []
    assert [one.id for one in await journal.erasures(10, open_only=True)] == [open_one.id]
