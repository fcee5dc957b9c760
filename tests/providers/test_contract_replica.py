"""What every provider promises of taking in whole states of memories: what there is to see of them afterwards."""

from datetime import timedelta, timezone
from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.errors import Conflict, InvalidInput, MemoryDeleted, MemoryNotFound
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.replica import MAX_SNAPSHOTS, Replica
from providers.states.digests import digest_of
from providers.states.editing import first_write_of
from providers.types import Edit, MemoryRecord, Snapshot
from tests.support.states import MOMENT, live, tombstone

NEWER = 2_000 << 16


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, which can be brought to the state of another."""
    assert isinstance(provider, Replica)
    return provider


async def test_a_state_put_in_comes_out_as_it_was(replica: Replica, user: str) -> None:
    """Every field of a state is kept: versions, moments, digest and edits, too."""
    state = live(
        user,
        "ginger tea",
        metadata={"a": [1, 1.0, None], "b": 10**30},
        updated_at=MOMENT + timedelta(microseconds=1),
        edits=(str(uuid4()), str(uuid4())),
    )

    assert await replica.put_many([state]) == [None]
    assert await replica.snapshot(Owner(user), state.id) == state
    assert await replica.snapshots(Owner(user)) == [state]


async def test_states_are_found_together_by_their_ids(replica: Replica, user: str) -> None:
    """Live ones and tombstones, perhaps without their contents; nothing of what never was, and of another owner."""
    state, other = live(user, "ginger tea", metadata={"a": 1}), live(user, "milk")
    deleted = tombstone(other, NEWER)
    await replica.put_many([state, deleted])
    held = await replica.snapshot(Owner(user), deleted.id)

    found = await replica.heads(Owner(user), [state.id, str(uuid4()), deleted.id])
    head = found.pop(state.id)
    assert (head.version, head.digest, head.deleted) == (state.version, state.digest, False)
    assert {one.version for one in found.values()} == ({held.version} if held is not None else set())
    assert await replica.heads(Owner(f"{user} too"), [state.id]) == {}
    assert await replica.heads(Owner(user), []) == {}


@pytest.mark.parametrize("count", [MAX_SNAPSHOTS, MAX_SNAPSHOTS + 1])
async def test_no_more_states_than_allowed_are_found_together(count: int) -> None:
    """The bound is that of all calls about several states."""
    ids = [str(uuid4()) for _ in range(count)]
    if count > MAX_SNAPSHOTS:
        with pytest.raises(InvalidInput):
            await MockMemoryProvider().heads(Owner("kannan"), ids)
    else:
        assert await MockMemoryProvider().heads(Owner("kannan"), ids) == {}


async def test_a_state_has_one_written_form(replica: Replica, user: str) -> None:
    """Ids in capitals and moments of other time zones are the same ids and moments."""
    edit = str(uuid4())
    state = live(user, updated_at=MOMENT, edits=(edit,))
    india = timezone(timedelta(hours=5, minutes=30))

    await replica.put_many(
        [
            replace(
                state,
                id=state.id.upper(),
                edits=(edit.upper(),),
                created_at=MOMENT.astimezone(india),
                updated_at=MOMENT.astimezone(india),
            )
        ]
    )

    stored = await replica.snapshot(Owner(user), state.id.upper())
    assert stored == state
    assert stored.created_at is not None
    assert stored.created_at.utcoffset() == timedelta(0)


async def test_what_was_put_in_is_a_memory_like_any_other(replica: Replica, user: str) -> None:
    """A memory put in is got, listed and found."""
    state = live(user, "masala tea", metadata={"a": 1}, updated_at=MOMENT)
    await replica.put_many([state])

    record = await replica.get(user, state.id)
    assert record == MemoryRecord(
        id=state.id,
        user_id=user,
        content="masala tea",
        metadata={"a": 1},
        created_at=MOMENT,
        updated_at=MOMENT,
        version=state.version,
    )
    assert await replica.list_memories(user) == [record]
    assert [replace(hit, similarity_score=None) for hit in await replica.recall(user, "masala")] == [record]


async def test_a_newer_state_replaces_everything(replica: Replica, user: str) -> None:
    """After a newer state nothing of the older one is seen or found, and its place in the list is the new one."""
    older = live(user, "masala tea", metadata={"a": 1}, edits=(str(uuid4()),), updated_at=MOMENT)
    other = live(user, "water", created_at=MOMENT + timedelta(days=1))
    later = MOMENT + timedelta(days=2)
    edits = (str(uuid4()),)
    newer = live(user, "ginger brew", NEWER, id=older.id, created_at=later, edits=edits, updated_at=later)
    await replica.put_many([older, other])

    assert await replica.put_many([newer]) == [None]
    assert await replica.snapshot(Owner(user), older.id) == newer
    assert [memory.id for memory in await replica.list_memories(user)] == [older.id, other.id]
    assert [hit.id for hit in await replica.recall(user, "ginger")][:1] == [older.id]
    assert "masala tea" not in [hit.content for hit in await replica.recall(user, "masala")]


@pytest.mark.parametrize("version", [0, NEWER - 1, NEWER])
async def test_a_state_not_newer_changes_nothing(replica: Replica, user: str, version: int) -> None:
    """An older state, or the same once more, is as good as put, and leaves what is there."""
    newest = live(user, "coffee", NEWER)
    await replica.put_many([newest])

    late = newest if version == NEWER else replace(newest, version=version, content="water")
    assert await replica.put_many([late]) == [None]
    assert await replica.snapshots(Owner(user)) == [newest]


async def test_states_come_after_what_was_stored_otherwise(replica: Replica, user: str) -> None:
    """The version of a write or an edit counts like that of a state."""
    memory_id = await replica.remember(user, "tea", version=1_000)
    await replica.update(user, memory_id, content="coffee", version=NEWER)
    stored = await replica.snapshot(Owner(user), memory_id)
    assert stored is not None

    assert await replica.put_many([replace(stored, version=NEWER - 1, content="water")]) == [None]
    assert (await replica.get(user, memory_id)).content == "coffee"
    assert await replica.put_many([replace(stored, version=NEWER + 1, content="milk")]) == [None]
    assert (await replica.get(user, memory_id)).content == "milk"
    assert (await replica.update(user, memory_id, content="late", version=NEWER + 1)).content == "milk"
    assert (await replica.update(user, memory_id, content="juice")).content == "juice"


async def test_a_retry_of_the_first_write_is_known(replica: Replica, user: str) -> None:
    """Remembering what a state was first stored as is a retry, and anything else under that id a conflict."""
    first = {"a": 1, "b": [2]}
    state = live(user, "coffee", metadata=None, digest=digest_of("tea", first))
    await replica.put_many([state])

    assert await replica.remember(user, "tea", {"b": [2.0], "a": 1.0}, memory_id=state.id) == state.id
    for content, metadata in [("coffee", None), ("tea", None), ("tea", {"a": True, "b": [2]})]:
        with pytest.raises(Conflict):
            await replica.remember(user, content, metadata, memory_id=state.id)
    assert await replica.snapshots(Owner(user)) == [state]


async def test_a_retry_of_an_edit_is_known(replica: Replica, user: str) -> None:
    """An edit that a state contains already changes nothing."""
    edits = tuple(str(uuid4()) for _ in range(16))
    state = live(user, "coffee", edits=edits)
    await replica.put_many([state])

    for edit in edits:
        await replica.update(user, state.id, content="late", edit_id=edit)
    assert await replica.snapshots(Owner(user)) == [state]
    assert (await replica.update(user, state.id, content="water", edit_id=str(uuid4()))).content == "water"


async def test_a_snapshot_tells_of_first_write_and_edits(replica: Replica, user: str) -> None:
    """What was stored and edited here can be carried elsewhere whole."""
    edit = str(uuid4())
    memory_id = await replica.remember(user, "tea", {"a": 1}, version=1_000 << 16, created_at=MOMENT)
    await replica.update(user, memory_id, content="coffee", metadata={"b": 2}, version=NEWER, edit_id=edit)

    stored = await replica.snapshot(Owner(user), memory_id)
    assert stored is not None
    assert stored.updated_at is not None
    assert stored == Snapshot(
        user_id=user,
        id=memory_id,
        version=NEWER,
        content="coffee",
        metadata={"b": 2},
        created_at=MOMENT,
        updated_at=stored.updated_at,
        digest=digest_of("tea", {"a": 1}),
        edits=(edit,),
        first_version=1_000 << 16,
    )


async def test_a_memory_moves_to_another_user_whole(replica: Replica, user: str, stranger: str) -> None:
    """States of one user, put in for another, make the same memories for them, and each has their own."""
    for number in range(3):
        await replica.remember(user, f"tea {number}", version=number)
    states = [replace(state, user_id=stranger) for state in await replica.snapshots(Owner(user))]

    assert await replica.put_many(states) == [None] * 3
    assert await replica.snapshots(Owner(stranger)) == states
    await replica.put_many([tombstone(states[0], NEWER)])
    assert len(await replica.list_memories(user)) == 3
    assert len(await replica.list_memories(stranger)) == 2


async def test_changing_a_dict_changes_no_state(replica: Replica, user: str) -> None:
    """Metadata of states put in and given out stays with the caller."""
    metadata: dict[str, list[int]] = {"list": [1]}
    state = live(user, metadata=metadata)
    await replica.put_many([state])
    outcome = await replica.snapshots(Owner(user))

    metadata["list"].append(2)
    assert outcome[0].metadata == {"list": [1]}
    outcome[0].metadata["list"].append(3)

    [stored] = await replica.snapshots(Owner(user))
    assert stored.metadata == {"list": [1]}


async def test_a_deleted_memory_cannot_be_got(replica: Replica, user: str) -> None:
    """After a tombstone was put in, nothing shows the memory, and nothing can be stored under its id."""
    state = live(user)
    await replica.put_many([state])

    assert await replica.put_many([tombstone(state, NEWER)]) == [None]
    with pytest.raises(MemoryNotFound):
        await replica.get(user, state.id)
    with pytest.raises(MemoryNotFound):
        await replica.update(user, state.id, content="coffee")
    with pytest.raises(MemoryDeleted):
        await replica.remember(user, "tea", memory_id=state.id)
    assert await replica.list_memories(user) == []
    assert await replica.recall(user, "tea") == []


async def test_a_thousand_states_are_put_at_once(replica: Replica, user: str) -> None:
    """As many states as one call takes come out again, those of many users included."""
    states = [live(f"{user}-{number % 7}", f"tea {number}") for number in range(MAX_SNAPSHOTS)]

    assert await replica.put_many(states) == [None] * MAX_SNAPSHOTS
    stored = [state for number in range(7) for state in await replica.snapshots(Owner(f"{user}-{number}"))]
    assert sorted(stored, key=lambda state: state.id) == sorted(states, key=lambda state: state.id)


UNKNOWN = '{"fades_at":"2027-01-01T00:00:00Z","labels":{"\\u0000":[1e400,null]}}'


async def test_a_field_that_a_newer_version_has_written_is_kept(replica: Replica, user: str) -> None:
    """It comes out as it went in, whichever way the memory was stored, and after an edit."""
    put, stored = replace(live(user), unknown=UNKNOWN), replace(live(user), unknown=UNKNOWN)

    assert await replica.put_many([put]) == [None]
    assert isinstance((await replica.store_many([first_write_of(stored)]))[0], Stored)
    assert [(await replica.snapshot(Owner(user), one.id)) for one in (put, stored)] == [put, stored]
    await replica.update(user, put.id, content="coffee")
    edited = await replica.snapshot(Owner(user), put.id)
    assert edited is not None
    assert (edited.content, edited.unknown) == ("coffee", UNKNOWN)
    await replica.change(Edit(owner=Owner(user), memory_id=stored.id, session="trip", app="chat"))
    await replica.change(Edit(owner=Owner(user), memory_id=stored.id, app=None))
    labelled = await replica.snapshot(Owner(user), stored.id)
    assert labelled is not None
    assert (labelled.session, labelled.app, labelled.unknown) == ("trip", None, UNKNOWN)
    assert {one.unknown for one in await replica.snapshots(Owner(user))} == {UNKNOWN}


async def test_a_tombstone_keeps_no_unknown_field(replica: Replica, user: str) -> None:
    """What a newer version has written of the memory goes with its content."""
    state = replace(live(user), unknown=UNKNOWN)
    await replica.put_many([state])
    await replica.put_many([tombstone(state, NEWER)])

    deleted = await replica.snapshot(Owner(user), state.id)
    assert deleted is not None
    assert (deleted.deleted, deleted.unknown) == (True, "")
