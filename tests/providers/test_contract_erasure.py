"""What every provider promises of erasing a user: nothing is left, and what comes late is refused where it can be."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.erasure.fenced import FencedReplica
from providers.erasure.fences import Fence, FenceList, hash_of, new_key
from providers.errors import MemoryNotFound, OwnerErased
from providers.keys.writing import Put, put
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import HybridClock, new_memory_id
from providers.states.editing import first_state, first_write_of
from providers.types import Deletion, Edit, NewMemory, RecallQuery, Snapshot

TEXT = "the cardamom tea of the night train to Madurai"
_CLOCK = HybridClock()


def state_of(user: str, content: str = TEXT) -> Snapshot:
    """Return the state of a new memory."""
    memory = NewMemory(owner=Owner(user), content=content)
    return first_state(memory, new_memory_id(), _CLOCK.next(), _CLOCK.moment())


async def newest(provider: Replica, user: str) -> int:
    """Return a version that is not below any that there is: the provider's clock need not agree with ours."""
    return max([_CLOCK.next(), *(state.version for state in await provider.snapshots(Owner(user)))])


async def purged(provider: Replica, user: str, version: int) -> int:
    """Put a fence, remove all that is not above it, and return how many states there were."""
    await fenced(provider, user, version)
    total = 0
    while count := await provider.purge(Owner(user), version):
        total += count
    return total


async def fenced(provider: Replica, user: str, version: int) -> Fence:
    """Put a fence for a user."""
    key = new_key()
    fence = Fence(key=key, hash=hash_of(key, Owner(user).key), version=version, erased_at=1.0)
    await provider.put_fences([fence])
    return fence


async def test_nothing_of_an_erased_user_is_left(provider: MemoryProvider, user: str, stranger: str) -> None:
    """No memory, no tombstone, no name; neither by id nor in a list, nor by words or by a vector."""
    assert isinstance(provider, Replica)
    memory_id = await provider.remember(user, TEXT)
    deleted = await provider.remember(user, "a second one")
    await provider.delete(user, deleted)
    theirs = await provider.remember(stranger, TEXT)
    assert len(await provider.recall(user, "cardamom tea")) == 1

    assert await purged(provider, user, await newest(provider, user)) == 2
    owner = Owner(user)
    assert await provider.snapshot(owner, memory_id) is None
    assert await provider.snapshot(owner, deleted) is None
    assert await provider.snapshots(owner) == []
    assert await provider.list_memories(user) == []
    assert (await provider.find(RecallQuery(owner=owner, query=TEXT))).memories == []
    with pytest.raises(MemoryNotFound):
        await provider.get(user, memory_id)
    assert owner not in await provider.owners(after=Owner(user[:-1]))
    assert [memory.id for memory in await provider.recall(stranger, "cardamom tea")] == [theirs]
    assert await purged(provider, user, await newest(provider, user)) == 0


async def test_what_was_written_later_stays(provider: MemoryProvider, user: str) -> None:
    """A user who comes back is not erased once more."""
    assert isinstance(provider, Replica)
    before = state_of(user)
    later = state_of(user, "a new beginning with chicory coffee")
    assert await provider.put_many([before, later]) == [None, None]

    assert await purged(provider, user, before.version) == 1
    assert [state.id for state in await provider.snapshots(Owner(user))] == [later.id]
    assert [memory.id for memory in await provider.recall(user, "chicory coffee")] == [later.id]
    assert before.id not in {memory.id for memory in await provider.recall(user, "cardamom")}
    assert Owner(user) in await provider.owners(after=Owner(user[:-1]))


async def test_no_more_are_removed_than_is_asked_for(provider: MemoryProvider, user: str) -> None:
    """So that each call takes a while that is known."""
    assert isinstance(provider, Replica)
    await provider.put_many([state_of(user, f"memory {number}") for number in range(3)])

    assert await provider.purge(Owner(user), await newest(provider, user), 2) == 2
    assert await provider.purge(Owner(user), await newest(provider, user), 2) == 1


async def test_who_has_not_heard_of_an_erasure_leaves_no_tombstone(provider: MemoryProvider, user: str) -> None:
    """What one deletes alone, and with everything, is no newer than the fence, and goes with the rest."""
    assert isinstance(provider, Replica)
    alone = await provider.remember(user, TEXT)
    await provider.update(user, alone, content="chicory")
    await provider.remember(user, TEXT)
    version = await newest(provider, user) + 1
    await provider.delete(user, alone)
    assert await provider.delete_all(user) == 1

    await purged(provider, user, version)
    assert await provider.snapshots(Owner(user)) == []


async def test_what_was_erased_and_is_still_there_is_not_deleted_once_more(provider: MemoryProvider, user: str) -> None:
    """Once the store knows of the erasure, nobody who deletes everything leaves anything, or is refused."""
    assert isinstance(provider, Replica)
    await provider.remember(user, TEXT)
    version = await newest(provider, user) + 1
    await fenced(provider, user, version)

    assert await provider.delete_all(user) == (0 if provider.keeps_fences else 1)
    await purged(provider, user, version)
    assert await provider.snapshots(Owner(user)) == []


async def test_what_comes_late_is_refused(provider: MemoryProvider, user: str) -> None:
    """New or changed, alone or in a batch; where a store keeps no fences, it says so."""
    assert isinstance(provider, Replica)
    late, there = state_of(user), state_of(user)
    fence = await fenced(provider, user, _CLOCK.next())
    above, others = state_of(user, "after that"), state_of(f"other {uuid4()}")

    if not provider.keeps_fences:
        assert await provider.fences() == []
        return
    put, kept, other = await provider.put_many([late, above, others])
    assert isinstance(put, OwnerErased)
    assert put.version == fence.version
    assert (kept, other) == (None, None)
    written = replace(first_write_of(there), created_at=there.created_at)
    [stored] = await provider.store_many([written])
    assert isinstance(stored, OwnerErased)
    with pytest.raises(OwnerErased):
        await provider.store(written)
    [tombstone] = await provider.put_many([replace(late, content=None, metadata=None, digest=b"")])
    assert isinstance(tombstone, OwnerErased)
    assert {state.id for state in await provider.snapshots(Owner(user))} == {above.id}


async def test_fences_are_kept_and_told(provider: MemoryProvider, user: str) -> None:
    """The higher one stays; they come by their hashes, page by page."""
    assert isinstance(provider, Replica)
    fence = await fenced(provider, user, 7)
    if not provider.keeps_fences:
        return

    await provider.put_fences([replace(fence, version=5)])
    [told] = await provider.fences(1, after=fence.hash[:-1])
    assert told == fence
    raised = replace(fence, version=9)
    await provider.put_fences([raised])
    assert raised in await provider.fences(after=fence.hash[:-1])
    assert all(one.hash > fence.hash for one in await provider.fences(after=fence.hash))


async def test_what_a_store_still_holds_is_told(provider: MemoryProvider) -> None:
    """In words for the receipt; a store that keeps nothing else has none."""
    assert isinstance(provider, Replica)
    assert "" not in await provider.remains()


async def test_a_user_who_comes_back_is_served_as_ever(provider: MemoryProvider, user: str) -> None:
    """Writes without a version are above the fence, and found."""
    assert isinstance(provider, Replica)
    await provider.remember(user, TEXT)
    await purged(provider, user, await newest(provider, user))

    memory_id = await provider.remember(user, TEXT)
    assert [memory.id for memory in await provider.recall(user, "cardamom tea")] == [memory_id]
    assert (await provider.get(user, memory_id)).content == TEXT
    assert await provider.delete(user, memory_id)


async def test_what_is_still_to_be_removed_is_not_changed(provider: MemoryProvider, user: str) -> None:
    """As if there were no such memory: an edit would carry on what was erased, a deletion the name of the user."""
    assert isinstance(provider, Replica)
    owner, metadata = Owner(user), {"topic": "trains"}
    memory_id = await provider.remember(user, TEXT, metadata)
    before = await provider.snapshot(owner, memory_id)
    assert before is not None
    await fenced(provider, user, version := await newest(provider, user))
    if not provider.keeps_fences:
        return

    edit = Edit(owner=owner, memory_id=memory_id)
    for one in (
        replace(edit, metadata={"topic": "tea"}),
        replace(edit, content="chicory coffee", edit_id=str(uuid4())),
        replace(edit, metadata={}, version=_CLOCK.next()),
        replace(edit, content=TEXT, seen=before.version),
    ):
        with pytest.raises(MemoryNotFound):
            await provider.change(one)
    deletion = Deletion(owner=owner, memory_id=memory_id)
    for other in (deletion, replace(deletion, seen=before.version), replace(deletion, edit_id=str(uuid4()))):
        assert (await provider.erase(other)).count == 0
    left = await provider.snapshot(owner, memory_id)
    assert left is not None
    assert (left.version, left.content, left.metadata) == (before.version, TEXT, metadata)
    assert await purged(provider, user, version) == 1
    assert await provider.snapshots(owner) == []


async def test_who_comes_back_before_all_is_removed_changes_what_is_new(provider: MemoryProvider, user: str) -> None:
    """One and the same user has memories on both sides of the fence."""
    assert isinstance(provider, Replica)
    owner = Owner(user)
    await provider.remember(user, TEXT)
    await fenced(provider, user, version := await newest(provider, user))
    kept, deleted = [await provider.remember(user, f"coffee number {number}") for number in range(2)]

    await provider.change(Edit(owner=owner, memory_id=kept, metadata={"topic": "coffee"}))
    changed = await provider.change(Edit(owner=owner, memory_id=kept, content="chicory coffee"))
    erased = await provider.erase(Deletion(owner=owner, memory_id=deleted))

    assert (changed.memory.content, changed.memory.metadata, erased.count) == (
        "chicory coffee",
        {"topic": "coffee"},
        1,
    )
    if provider.keeps_fences:
        assert await purged(provider, user, version) == 1
    assert (await provider.get(user, kept)).content == "chicory coffee"


async def test_a_put_by_key_replaces_nothing_that_was_erased(provider: MemoryProvider, user: str) -> None:
    """The key names a new memory; the second put replaces that one."""
    assert isinstance(provider, Replica)
    fences, wanted = FenceList(), Put(memory=NewMemory(owner=Owner(user), content=TEXT, key="drink"))
    behind = FencedReplica(provider, fences)
    old = await put(behind, wanted)
    fences.add([await fenced(provider, user, version := await newest(provider, user))])

    new = await put(behind, replace(wanted, memory=replace(wanted.memory, content="chicory coffee")))
    again = await put(behind, replace(wanted, memory=replace(wanted.memory, content="filter coffee")))

    assert new.created
    assert (again.id, again.created) == (new.id, False)
    assert new.id != old.id
    if provider.keeps_fences:
        assert await purged(provider, user, version) == 1
        assert [state.content for state in await provider.snapshots(Owner(user))] == ["filter coffee"]
