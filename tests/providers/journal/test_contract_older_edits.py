"""Every journal promises that an edit is applied once, however many came after it."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.errors import Conflict, MemoryDeleted
from providers.journal.base import Journal
from providers.journal.operations import Appended, Operation, OutOfDate
from providers.owners import Owner
from providers.states.editing import EDIT_KEY_CHARS
from tests.providers.journal.rig import LONG, USER, confirm, delete, put, refusal, remember, update

FIRST = str(uuid4())
OTHER = FIRST[:EDIT_KEY_CHARS] + ("0" if FIRST[EDIT_KEY_CHARS] != "0" else "1") + FIRST[EDIT_KEY_CHARS + 1 :]


def keyed(edit_id: str, content: str, *, base: int, older: tuple[str, ...] = (), user: str = USER) -> Operation:
    """Return a keyed edit of the memory `m`, which leaves no room for older edits."""
    operation = update("m", content, base=base, version=base + 1, user=user)
    return replace(operation, state=replace(operation.state, edits=(edit_id,)), edit_id=edit_id, older_edits=older)


async def edited_twice(journal: Journal) -> None:
    """Store a memory, and edit it twice; its state keeps the second edit alone."""
    await put(journal, remember("m"))
    await put(journal, keyed(FIRST, "coffee", base=1))
    await put(journal, keyed(str(uuid4()), "cocoa", base=2, older=(FIRST,)))


async def test_an_edit_that_the_state_does_not_keep_is_repeated(journal: Journal) -> None:
    """It is answered with the newest state, and changes nothing."""
    await edited_twice(journal)
    newest = await journal.newest(Owner(USER), "m")
    assert newest is not None

    for base in (1, 3):  # a caller that knows the newest state, and one that does not
        [answer] = await journal.append([keyed(FIRST, "coffee", base=base)])
        assert answer == Appended(entry=newest, repeated=True, former=newest.state)
    assert await journal.newest(Owner(USER), "m") == newest


async def test_another_edit_with_its_key_is_a_conflict(journal: Journal) -> None:
    """A key is used once in a memory; another user's memory has keys of its own."""
    await edited_twice(journal)

    assert await refusal(journal, keyed(OTHER, "milk", base=3)) is Conflict
    await put(journal, remember("m", user="somebody else"))
    await put(journal, keyed(OTHER, "milk", base=1, user="somebody else"))


async def test_an_edit_that_is_not_appended_leaves_no_older_ones(journal: Journal) -> None:
    """What was not applied can still be made."""
    await put(journal, remember("m", version=5))

    assert await refusal(journal, keyed(str(uuid4()), "milk", base=4, older=(FIRST,))) is OutOfDate
    await put(journal, keyed(FIRST, "coffee", base=5))


async def test_several_older_edits_are_kept_at_once(journal: Journal) -> None:
    """A program that keeps fewer edits in a state loses none."""
    ids = tuple(str(uuid4()) for _ in range(3))
    await put(journal, remember("m"))
    await put(journal, keyed(str(uuid4()), "cocoa", base=1, older=ids))
    await put(journal, keyed(str(uuid4()), "milk", base=2, older=ids))

    for edit_id in ids:
        [answer] = await journal.append([keyed(edit_id, "tea", base=3)])
        assert isinstance(answer, Appended)
        assert answer.repeated


async def test_a_deleted_memory_has_no_older_edits(journal: Journal) -> None:
    """They go with its content; after the deletion nothing is edited, and a memory of that id begins without them."""
    await edited_twice(journal)
    tombstone = await put(journal, delete("m"))

    assert await refusal(journal, keyed(FIRST, "coffee", base=3)) is MemoryDeleted
    await confirm(journal, tombstone)
    await journal.forget([tombstone.seq])
    await put(journal, remember("m"))
    await put(journal, keyed(FIRST, "coffee", base=1))


async def test_older_edits_go_with_the_operation_of_their_memory(journal: Journal) -> None:
    """A journal that has forgotten the memory appends whatever it is told."""
    await edited_twice(journal)
    newest = await journal.newest(Owner(USER), "m")
    assert newest is not None
    await confirm(journal, newest)

    assert await journal.prune(0) == 1
    await put(journal, remember("m"))
    await put(journal, keyed(FIRST, "coffee", base=1))


@pytest.mark.parametrize(("seconds", "kept"), [(LONG, True), (0, False)])
async def test_older_edits_go_when_their_time_is_over(journal: Journal, seconds: float, kept: bool) -> None:  # noqa: FBT001 - a parameter
    """Also those of a memory that stays, because somebody has not confirmed it."""
    await edited_twice(journal)

    assert await journal.prune(seconds) == 0
    [answer] = await journal.append([keyed(FIRST, "coffee", base=3)])
    assert isinstance(answer, Appended)
    assert answer.repeated is kept
