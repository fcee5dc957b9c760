"""What every provider promises of labels: they come back, change, and choose memories in recall, list and delete."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.errors import InvalidInput
from providers.filters import Eq
from providers.labels import MAX_KEY_CHARS, MAX_LABEL_CHARS, NAMES, labels_of
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Conditions, Edit, NewMemory, PageQuery, RecallQuery

START = datetime(2024, 1, 1, tzinfo=UTC)
LABELLED: dict[str, Any] = {
    "session": "trip 'to' \"Porto\" \\",
    "agent": "planner",
    "app": "用户 app",
    "speaker": "Zoë",
    "key": "../Zoë//%2F?#",
}


def one_label(name: str, text: str) -> dict[str, Any]:
    """The arguments that give one label."""
    return {name: text}


async def stored(provider: MemoryProvider, *memories: NewMemory) -> list[str]:
    """Store memories, a minute apart, and return their ids."""
    moments = [START + timedelta(minutes=minute) for minute in range(len(memories))]
    batch = [replace(one, created_at=moment) for one, moment in zip(memories, moments, strict=True)]
    ids = [one.id for one in await provider.store_many(batch) if isinstance(one, Stored)]
    assert len(ids) == len(memories)
    return ids


async def three(provider: MemoryProvider, owner: Owner) -> list[str]:
    """Store three memories: two of one session, by different speakers, and one without labels."""
    return await stored(
        provider,
        NewMemory(owner=owner, content="green tea", session="one", speaker="Ann", metadata={"hot": True}),
        NewMemory(owner=owner, content="black tea", session="one", speaker="Bob"),
        NewMemory(owner=owner, content="white tea"),
    )


async def test_labels_come_back(provider: MemoryProvider, user: str) -> None:
    """What a memory is labelled with is read with it, by get, list and recall."""
    owner = Owner(user)
    [memory_id] = await stored(provider, NewMemory(owner=owner, content="green tea", **LABELLED))

    read = [
        (await provider.fetch(owner, memory_id)).memory,
        *(await provider.page(PageQuery(owner=owner))).memories,
        *(await provider.find(RecallQuery(owner=owner, query="green tea"))).memories,
    ]

    assert [labels_of(memory) for memory in read] == 3 * [LABELLED]


async def test_a_memory_without_labels_has_none(provider: MemoryProvider, user: str) -> None:
    """Nothing is made up where nothing was given."""
    [memory_id] = await stored(provider, NewMemory(owner=Owner(user), content="tea"))

    assert labels_of(await provider.get(user, memory_id)) == dict.fromkeys(NAMES)


async def test_an_edit_sets_and_clears_labels(provider: MemoryProvider, user: str) -> None:
    """A label that an edit names is set or removed; the others stay, and so do content and metadata."""
    owner = Owner(user)
    [memory_id] = await stored(provider, NewMemory(owner=owner, content="tea", metadata={"a": 1}, **LABELLED))
    before = await provider.get(user, memory_id)

    changed = (await provider.change(Edit(owner=owner, memory_id=memory_id, session="two", speaker=None))).memory

    assert labels_of(changed) == LABELLED | {"session": "two", "speaker": None}
    assert (changed.content, changed.metadata, changed.position) == ("tea", {"a": 1}, before.position)
    assert await provider.get(user, memory_id) == changed
    assert changed.updated_at is not None


async def test_a_retry_changes_no_labels(provider: MemoryProvider, user: str) -> None:
    """The same write again is stored once, with the labels of the first one."""
    owner = Owner(user)
    memory = NewMemory(owner=owner, content="tea", session="one")
    [memory_id] = await stored(provider, memory)

    await provider.store(replace(memory, memory_id=memory_id, session="two"))

    assert (await provider.get(user, memory_id)).session == "one"


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(), [2, 1, 0]),
        (Conditions(session="one"), [1, 0]),
        (Conditions(session="one", speaker="Bob"), [1]),
        (Conditions(speaker="bob"), []),
        (Conditions(agent="Ann"), []),
        (Conditions(session="one", where=Eq(field="hot", value=True)), [0]),
        (Conditions(created_from=START + timedelta(minutes=1)), [2, 1]),
        (Conditions(created_before=START + timedelta(minutes=1), speaker="Ann"), [0]),
    ],
)
async def test_conditions_choose_memories(
    provider: MemoryProvider, user: str, conditions: Conditions, expected: list[int]
) -> None:
    """List, count and recall are of the memories that meet all conditions; a list in either order."""
    owner = Owner(user)
    ids = await three(provider, owner)
    chosen = {name: getattr(conditions, name) for name in Conditions.__struct_fields__}

    page = await provider.page(PageQuery(owner=owner, limit=1, total=True, **chosen))
    newest = await provider.page(PageQuery(owner=owner, **chosen))
    oldest = await provider.page(PageQuery(owner=owner, order="oldest", **chosen))
    found = await provider.find(RecallQuery(owner=owner, query="tea", **chosen))

    assert page.total == len(expected)
    assert newest.total is None
    assert [ids.index(memory.id) for memory in newest.memories] == expected
    assert [ids.index(memory.id) for memory in oldest.memories] == expected[::-1]
    assert {ids.index(memory.id) for memory in found.memories} == set(expected)


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_pages_of_chosen_memories_hold_each_once(provider: MemoryProvider, user: str, order: str) -> None:
    """Paging with conditions shows what meets them, each once, among others and among equal moments."""
    owner = Owner(user)
    batch = [NewMemory(owner=owner, content="tea", session=f"{number % 2}", created_at=START) for number in range(14)]
    ids = [one.id for one in await provider.store_many(batch) if isinstance(one, Stored)][1::2]

    seen: list[str] = []
    query = PageQuery(owner=owner, limit=3, session="1", order="oldest" if order == "oldest" else "newest")
    while page := (await provider.page(query)).memories:
        seen += [memory.id for memory in page]
        query = replace(query, after=page[-1].position)

    assert seen == (ids if order == "oldest" else ids[::-1])


async def test_chosen_memories_are_deleted(provider: MemoryProvider, user: str) -> None:
    """Deleting with conditions leaves what does not meet them."""
    owner = Owner(user)
    ids = await three(provider, owner)

    erased = await provider.erase_all(owner, conditions=Conditions(session="one"))

    assert erased.count == 2
    assert [memory.id for memory in await provider.list_memories(user)] == ids[2:]


@pytest.mark.parametrize("label", NAMES)
async def test_labels_have_limits(provider: MemoryProvider, user: str, label: str) -> None:
    """A label has 1 to 256 characters, a key 255, and no NUL, wherever it is given."""
    owner = Owner(user)
    longest = "ñ" * (MAX_KEY_CHARS if label == "key" else MAX_LABEL_CHARS)
    [memory_id] = await stored(provider, NewMemory(owner=owner, content="tea", **one_label(label, longest)))

    assert getattr(await provider.get(user, memory_id), label) == longest
    for wrong in ("", " ", longest + "x", "a\0b"):
        calls = [
            provider.store(NewMemory(owner=owner, content="tea", **one_label(label, wrong))),
            provider.change(Edit(owner=owner, memory_id=memory_id, **one_label(label, wrong))),
            provider.page(PageQuery(owner=owner, **one_label(label, wrong))),
            provider.find(RecallQuery(owner=owner, query="tea", **one_label(label, wrong))),
            provider.erase_all(owner, conditions=Conditions(**one_label(label, wrong))),
        ]
        for call in calls:
            with pytest.raises(InvalidInput) as refused:
                await call
            assert refused.value.field == label


async def test_states_carry_labels_and_order(provider: MemoryProvider, user: str) -> None:
    """A state that is copied keeps labels, times and first version; one with neither is copied as it is."""
    assert isinstance(provider, Replica)
    owner, changed_at = Owner(user), START + timedelta(days=1)
    memory = NewMemory(owner=owner, content="tea", version=8, first_version=7, updated_at=changed_at, **LABELLED)
    [memory_id] = await stored(provider, memory)
    state = await provider.snapshot(owner, memory_id)
    assert state is not None
    assert (labels_of(state), state.first_version, state.unknown) == (LABELLED, 7, "")
    assert (state.created_at, state.updated_at) == (START, changed_at)

    copy = replace(state, user_id=f"{user} too")
    nothing: dict[str, Any] = dict.fromkeys(NAMES)
    plain = replace(copy, version=copy.version + 1, first_version=0, unknown='{"mood":"good"}', **nothing)
    assert await provider.put_many([copy]) == [None]
    copied = await provider.snapshot(copy.owner, memory_id)
    assert await provider.put_many([plain]) == [None]

    assert copied == copy
    assert await provider.snapshot(copy.owner, memory_id) == plain


async def test_a_tombstone_has_no_labels(provider: MemoryProvider, user: str) -> None:
    """Nothing of what a deleted memory belonged to is kept."""
    assert isinstance(provider, Replica)
    owner = Owner(user)
    [memory_id] = await stored(provider, NewMemory(owner=owner, content="tea", **LABELLED))
    await provider.delete(user, memory_id)
    state = await provider.snapshot(owner, memory_id)

    assert state is not None
    assert (labels_of(state), state.first_version) == (dict.fromkeys(NAMES), 0)
