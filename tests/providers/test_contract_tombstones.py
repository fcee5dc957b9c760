"""What every provider promises of tombstones put in and given out: deletes win on every replica, and are known."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.errors import MemoryDeleted
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Snapshot
from tests.support.states import MOMENT, live, tombstone


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, which can be brought to the state of another."""
    assert isinstance(provider, Replica)
    return provider


@pytest.fixture
def memory(user: str) -> Snapshot:
    """A memory that can be put in."""
    return live(user)


async def test_a_tombstone_wins_over_a_newer_memory(replica: Replica, memory: Snapshot) -> None:
    """A deletion counts even if its version is older, and is kept as it was put."""
    deletion = tombstone(memory, 1, edit=str(uuid4()))
    await replica.put_many([memory])

    assert await replica.put_many([deletion]) == [None]
    assert await replica.snapshots(Owner(memory.user_id)) == [deletion]


async def test_a_memory_that_meets_a_tombstone_is_told(replica: Replica, memory: Snapshot) -> None:
    """A live state cannot be put where a tombstone is, however new it is."""
    await replica.put_many([tombstone(memory, 1)])

    [answer] = await replica.put_many([memory])

    assert isinstance(answer, MemoryDeleted)
    assert answer.memory_id == memory.id
    assert await replica.snapshots(Owner(memory.user_id)) == [tombstone(memory, 1)]


async def test_a_first_write_that_meets_a_tombstone_is_refused(replica: Replica, memory: Snapshot) -> None:
    """An id stays empty for whose memory a tombstone was put in, though it has never been here."""
    await replica.put_many([tombstone(memory, 1)])

    with pytest.raises(MemoryDeleted):
        await replica.remember(memory.user_id, "tea", memory_id=memory.id, version=2_000 << 16)
    assert await replica.list_memories(memory.user_id) == []
    assert await replica.recall(memory.user_id, "tea") == []


async def test_a_tombstone_repeated_is_there(replica: Replica, memory: Snapshot) -> None:
    """Putting a tombstone where one is succeeds, and the older deletion stays: the later one found nothing."""
    first, later = tombstone(memory, 5, edit=str(uuid4())), tombstone(memory, 6, edit=str(uuid4()))

    assert await replica.put_many([first]) == [None]
    assert await replica.put_many([first, later, first]) == [None] * 3
    assert await replica.snapshots(Owner(memory.user_id)) == [first]


async def test_a_tombstone_holds_nothing_to_read(replica: Replica, memory: Snapshot) -> None:
    """Whatever is put in with a tombstone, content, metadata and digest do not come out."""
    untidy = replace(memory, version=5, content=None, metadata={"a": 1}, updated_at=MOMENT)

    assert await replica.put_many([untidy]) == [None]
    assert await replica.snapshots(Owner(memory.user_id)) == [tombstone(memory, 5)]


@pytest.mark.parametrize("found", [True, False])
async def test_a_tombstone_tells_whether_there_was_a_memory(
    replica: Replica,
    memory: Snapshot,
    found: bool,  # noqa: FBT001 - whether it did
) -> None:
    """The deletion of a tombstone that was put in is known when it is repeated, and so is what it found."""
    edit = str(uuid4())
    await replica.put_many([tombstone(memory, 5, edit=edit, found=found)])

    assert await replica.delete(memory.user_id, memory.id, edit_id=edit.upper()) is found
    assert await replica.delete(memory.user_id, memory.id, edit_id=str(uuid4())) is False
    assert await replica.delete(memory.user_id, memory.id) is False


@pytest.mark.parametrize("memory_first", [True, False])
async def test_a_tombstone_learns_that_there_was_a_memory(
    replica: Replica,
    memory: Snapshot,
    memory_first: bool,  # noqa: FBT001 - which of two orders
) -> None:
    """A tombstone from where the memory never was tells that there was one as soon as the memory turns up."""
    edit = str(uuid4())
    states = [memory, tombstone(memory, 5, edit=edit, found=False)]
    for state in states if memory_first else states[::-1]:
        await replica.put_many([state])

    assert await replica.snapshots(Owner(memory.user_id)) == [tombstone(memory, 5, edit=edit)]
    assert await replica.delete(memory.user_id, memory.id, edit_id=edit) is True


async def test_deletes_leave_tombstones(replica: Replica, user: str) -> None:
    """A deletion here is given out with its version and its edit, and tells when the memory was made."""
    edit = str(uuid4())
    memory_id = await replica.remember(user, "tea", version=10, created_at=MOMENT)
    await replica.delete(user, memory_id, version=20, edit_id=edit)

    assert await replica.snapshots(Owner(user)) == [
        Snapshot(user_id=user, id=memory_id, version=20, content=None, created_at=MOMENT, edits=(edit,))
    ]


async def test_a_delete_of_what_never_was_leaves_nothing(replica: Replica, user: str) -> None:
    """However often it is repeated; and the id is as good as new."""
    memory_id, edit = str(uuid4()), str(uuid4())

    assert [await replica.delete(user, memory_id, version=20, edit_id=edit) for _ in range(2)] == [False, False]
    assert await replica.snapshot(Owner(user), memory_id) is None
    assert await replica.snapshots(Owner(user)) == []
    assert await replica.remember(user, "tea", memory_id=memory_id, version=10) == memory_id


async def test_a_deletion_is_newer_than_what_it_deleted(replica: Replica, user: str) -> None:
    """A delete with an older version leaves a tombstone with a newer one, edits of the memory left out."""
    memory_id = await replica.remember(user, "tea", version=1_000, created_at=MOMENT)
    await replica.update(user, memory_id, content="coffee", version=2_000, edit_id=str(uuid4()))

    await replica.delete(user, memory_id, version=1)

    assert await replica.snapshots(Owner(user)) == [
        Snapshot(user_id=user, id=memory_id, version=2_001, content=None, created_at=MOMENT)
    ]


async def test_a_tombstone_put_does_not_undo_a_delete(replica: Replica, user: str) -> None:
    """A later deletion put in leaves the one that was made here."""
    memory_id = await replica.remember(user, "tea", version=10)
    await replica.delete(user, memory_id, version=20, edit_id=str(uuid4()))
    before = await replica.snapshots(Owner(user))

    assert await replica.put_many(
        [Snapshot(user_id=user, id=memory_id, version=30, content=None, edits=(str(uuid4()),))]
    ) == [None]
    assert await replica.snapshots(Owner(user)) == before


async def test_one_batch_is_as_its_states_one_by_one(replica: Replica, memory: Snapshot) -> None:
    """A batch may hold a memory several times; each state is answered as if the ones before it had been put alone."""
    older = replace(memory, version=1, content="water")
    deletion = tombstone(memory, 5)

    answers = await replica.put_many([older, memory, older, deletion, memory, deletion])

    assert [type(answer) for answer in answers] == [type(None)] * 4 + [MemoryDeleted, type(None)]
    assert await replica.snapshots(Owner(memory.user_id)) == [deletion]
