"""Every journal promises of an append that each acknowledged operation is there, once, for every member."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from providers.errors import Conflict, MemoryDeleted
from providers.journal.base import MAX_APPENDED, Journal
from providers.journal.operations import Appended, JournalEntry, Operation, OperationKind, OutOfDate
from providers.owners import Owner
from providers.types import Metadata, Snapshot
from tests.providers.journal.rig import USER, delete, due, entries, put, refusal, remember, update

BOTH = frozenset({"home", "standby"})


@pytest.mark.parametrize("operation", [remember("m"), update("m", "coffee"), delete("m")], ids=lambda o: o.kind)
async def test_whatever_comes_first_is_appended(journal: Journal, operation: Operation) -> None:
    """An operation of any kind on a memory of which nothing is known is appended, and pending at every member."""
    [answer] = await journal.append([operation])

    assert isinstance(answer, Appended)
    entry = JournalEntry(seq=answer.entry.seq, kind=operation.kind, state=operation.state, pending=BOTH)
    assert answer == Appended(entry=entry, repeated=False, former=None)
    assert await journal.newest(Owner(USER), "m") == entry


async def test_a_state_comes_back_as_it_was(journal: Journal) -> None:
    """Every field of a memory is kept, each number with its type and each moment to the microsecond, in UTC."""
    chennai = timezone(timedelta(hours=5, minutes=30))
    metadata: Metadata = {"int": 1, "float": 1.0, "big": 10**40, "small": 1e-300, "nested": [{"a": None}], "text": "தே"}
    state = Snapshot(
        user_id=USER,
        id="m",
        version=2**62,
        content="தேநீர் \N{HOT BEVERAGE} \\ 'quoted'",
        metadata=metadata,
        created_at=datetime(2026, 3, 1, 1, 2, 3, 999999, tzinfo=chennai),
        updated_at=datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        digest=bytes(range(16)),
        edits=("e1", "e2"),
    )
    await journal.append([Operation(kind=OperationKind.UPDATE, state=state)])

    entry = await journal.newest(Owner(USER), "m")
    assert entry is not None
    assert entry.state == state
    assert entry.state.created_at is not None
    assert entry.state.created_at.tzinfo is UTC
    assert repr(entry.state.metadata) == repr(metadata)


async def test_a_field_that_a_newer_version_has_written_comes_back(journal: Journal) -> None:
    """Wherever the state comes out, and in the state that an edit replaces."""
    stored = remember("m")
    state = replace(stored.state, unknown='{"labels":{"a":[1e400]},"mood":null}')
    entry = await put(journal, replace(stored, state=state))

    newest = await journal.newest(Owner(USER), "m")
    assert newest is not None
    assert entry.state == newest.state == state
    assert [one.state for one in await journal.lease("home", 10, 0)] == [state]
    [edited] = await journal.append([update("m", "coffee")])
    assert isinstance(edited, Appended)
    assert edited.former == state


@pytest.mark.parametrize("metadata", [None, {}, {"n": -(10**4299)}], ids=["none", "empty", "longest-number"])
async def test_any_metadata_comes_back(journal: Journal, metadata: Metadata | None) -> None:
    """No metadata is not empty metadata, and a number may have as many digits as Python reads."""
    operation = remember("m")
    await put(journal, replace(operation, state=replace(operation.state, metadata=metadata)))

    entry = await journal.newest(Owner(USER), "m")
    assert entry is not None
    assert entry.state.metadata == metadata


async def test_sequence_numbers_grow(journal: Journal) -> None:
    """An operation that is appended later has a greater number."""
    answers = [*await journal.append([remember(), remember()]), *await journal.append([remember(), delete()])]

    seqs = [answer.entry.seq for answer in answers if isinstance(answer, Appended)]
    assert len(set(seqs)) == 4
    assert seqs == sorted(seqs)


async def test_nothing_is_appended_by_an_empty_call(journal: Journal) -> None:
    """A call without operations has no answers."""
    assert await journal.append([]) == []


async def test_without_members_an_operation_is_known(empty: Journal) -> None:
    """Without members nothing is pending, and the operation is known."""
    entry = await put(empty, remember("m"))

    assert entry.pending == frozenset()
    assert await empty.newest(Owner(USER), "m") == entry


async def test_a_repeated_memory_is_appended_once(journal: Journal) -> None:
    """A memory with the digest of the known one is repeated, and answered with the known one."""
    entry = await put(journal, remember("m"))

    again = await journal.append([remember("m", version=9)])
    assert again == [Appended(entry=entry, repeated=True, former=entry.state)]
    assert await due(journal, "home") == [entry.seq]


async def test_a_memory_is_repeated_after_an_edit(journal: Journal) -> None:
    """A retry of the first write is known by its digest, and answered with the edited memory."""
    await put(journal, remember("m"))
    edited = await put(journal, update("m", "coffee"))

    assert await journal.append([remember("m")]) == [Appended(entry=edited, repeated=True, former=edited.state)]


async def test_another_memory_under_a_known_id_is_a_conflict(journal: Journal) -> None:
    """A memory with another digest than the known one is refused and changes nothing; each user has ids of its own."""
    entry = await put(journal, remember("m"))

    assert await refusal(journal, remember("m", "coffee")) is Conflict
    assert await journal.newest(Owner(USER), "m") == entry
    await put(journal, remember("m", "coffee", user="somebody else"))


async def test_a_deleted_memory_is_neither_stored_nor_edited(journal: Journal) -> None:
    """A deletion wins for ever, over any version."""
    tombstone = await put(journal, delete("m"))

    assert await refusal(journal, remember("m", version=99)) is MemoryDeleted
    assert await refusal(journal, update("m", "coffee", base=98, version=99)) is MemoryDeleted
    assert await journal.newest(Owner(USER), "m") == tombstone


async def test_an_update_is_made_from_the_newest_version(journal: Journal) -> None:
    """An edit of an older version than the known one is refused; one of that version or an unknown memory is not."""
    await put(journal, remember("m", version=5))

    assert await refusal(journal, update("m", "coffee", base=4, version=9)) is OutOfDate
    await put(journal, update("m", "coffee", base=5, version=6))
    await put(journal, update("m", "milk", base=7, version=8))


async def test_an_edit_tells_what_was_there(journal: Journal) -> None:
    """The answer to an edit or a deletion holds the state that was known before."""
    first = await put(journal, remember("m"))
    [edited] = await journal.append([update("m", "coffee")])
    [deleted] = await journal.append([delete("m")])

    assert isinstance(edited, Appended)
    assert isinstance(deleted, Appended)
    assert edited.former == first.state
    assert deleted.former == edited.entry.state


async def test_a_second_deletion_is_repeated(journal: Journal) -> None:
    """The known tombstone stays, whatever the version of the other one."""
    tombstone = await put(journal, delete("m", version=3))

    assert await journal.append([delete("m", version=9)]) == [
        Appended(entry=tombstone, repeated=True, former=tombstone.state)
    ]


async def test_a_deletion_needs_no_newer_version(journal: Journal) -> None:
    """A clock that lags behind prevents no deletion."""
    await put(journal, remember("m", version=9))

    assert (await put(journal, delete("m", version=3))).state.version == 3


async def test_a_deletion_of_one_version_spares_a_newer_one(journal: Journal) -> None:
    """It is refused as out of date, and is done where nothing newer is known."""
    await put(journal, remember("m", version=5))
    await put(journal, remember("n", version=5))

    assert await refusal(journal, replace(delete("m", version=9), base_version=4)) is OutOfDate
    await put(journal, replace(delete("m", version=9), base_version=5))
    await put(journal, replace(delete("n", version=9), base_version=6))


async def test_operations_of_one_call_are_judged_in_their_order(journal: Journal) -> None:
    """Each operation is judged by those before it in the same call."""
    answers = await journal.append(
        [remember("m"), remember("m"), remember("m", "coffee"), update("m", "milk"), delete("m"), update("m", "x")]
    )

    first, again, other, edited, deleted, late = answers
    assert isinstance(first, Appended)
    assert again == Appended(entry=first.entry, repeated=True, former=first.entry.state)
    assert isinstance(other, Conflict)
    assert isinstance(edited, Appended)
    assert edited.former == first.entry.state
    assert isinstance(deleted, Appended)
    assert isinstance(late, MemoryDeleted)
    assert await due(journal, "home") == [deleted.entry.seq]


async def test_a_deletion_leaves_nothing_of_what_was_there(journal: Journal) -> None:
    """After a deletion the journal shows neither content nor digest of the memory anywhere."""
    await put(journal, remember("m", "a secret"))
    await put(journal, update("m", "another secret", first="a secret"))
    tombstone = await put(journal, delete("m"))

    shown = [
        await journal.newest(Owner(USER), "m"),
        *await entries(journal),
        *await journal.lease("home", 100, 0),
        *await journal.lease("standby", 100, 0),
    ]
    assert [item.state for item in shown if item] == [tombstone.state] * 4


async def test_so_many_operations_go_into_one_call(journal: Journal) -> None:
    """The greatest number of operations is appended, and one more is a bug of the caller that changes nothing."""
    answers = await journal.append([remember() for _ in range(MAX_APPENDED)])

    assert len(answers) == MAX_APPENDED
    with pytest.raises(ValueError, match="1000"):
        await journal.append([remember() for _ in range(MAX_APPENDED + 1)])
    assert (await journal.status()).operations == MAX_APPENDED


async def test_a_large_call_is_answered_in_its_order(journal: Journal) -> None:
    """Even if the database takes it in several statements, each operation has its own answer."""
    text = "x" * 30_000
    first, *rest = [remember(f"m{number:03}", text) for number in range(299, 0, -1)]
    await journal.append([first])

    answers = await journal.append([*rest[:100], remember(first.state.id, "coffee"), *rest[100:], rest[5]])

    appended = [answer.entry.state.id for answer in answers if isinstance(answer, Appended)]
    assert appended == [operation.state.id for operation in [*rest, rest[5]]]
    assert isinstance(answers[100], Conflict)
    assert [place for place, one in enumerate(answers) if isinstance(one, Appended) and one.repeated] == [299]
