"""How a memory is written into one of mem0's and read again, and what is none of ours."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from providers.json_limits import MAX_METADATA_BYTES, MAX_METADATA_DEPTH
from providers.limits import MAX_CONTENT_CHARS, MAX_VERSION
from providers.mem0.codec import KEY, MAX_TEXT_BYTES, Malformed, key_of, mark_of, metadata_of, state_of, text_of
from providers.mem0.item import Item
from providers.mem0.names import deleted_of, name_of
from providers.owners import Owner
from providers.states.clock import COUNTER_BITS
from providers.types import Metadata, Snapshot
from tests.support.states import MOMENT, live, tombstone

NIL = str(UUID(int=0))
USER = "anna * é"


def item_of(state: Snapshot) -> Item:
    """What mem0 returns of a state: the text and the metadata that it was sent, and no more."""
    name = deleted_of(state.owner) if state.deleted else name_of(state.owner)
    metadata = json.loads(json.dumps(metadata_of(state)))
    return Item(id=str(uuid4()), user=name, text=text_of(state), metadata=metadata)


def nested(levels: int) -> Metadata:
    """Metadata as deep as that."""
    metadata: Metadata = {}
    for _ in range(levels - 1):
        metadata = {"in": metadata}
    return metadata


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"b": 10**4_000, "f": 1.0, "i": 1, "t": True, "n": None, "l": [1, [2]]},
        {"data": 1, "hash": 2, "created_at": "never", "user_id": "*", "ninai": "x", "expiration_date": "1999-01-01"},
        nested(MAX_METADATA_DEPTH),
    ],
)
@pytest.mark.parametrize("content", ["tea", "  two\nlines ", "é😀" * 100, "語" * MAX_CONTENT_CHARS])
def test_a_state_comes_out_as_it_went_in(content: str, metadata: Metadata | None) -> None:
    """Every field comes back as it was, whatever keys mem0 gives a meaning to and however long the content is."""
    state = live(USER, content, metadata=metadata, updated_at=MOMENT + timedelta(1), edits=(str(uuid4()),))

    assert state_of(item_of(state)) == state
    assert key_of(item_of(state)) == state.id


def test_labels_and_order_come_out_as_they_went_in() -> None:
    """They stand in the same text, which an older program keeps as it is; a text without them has none."""
    plain = live(USER)
    state = replace(plain, first_version=7, session="trip \\ 'x'", agent="a", app="用户", speaker="Zoë")
    fields = json.loads(metadata_of(state)[KEY])

    assert state_of(item_of(state)) == state
    assert (fields["session"], fields["first_version"]) == ("trip \\ 'x'", 7)
    assert not {"session", "agent", "app", "speaker", "first_version"} & json.loads(metadata_of(plain)[KEY]).keys()


@pytest.mark.parametrize("created_at", [None, MOMENT])
def test_a_tombstone_comes_out_as_it_went_in(created_at: datetime | None) -> None:
    """A tombstone keeps its version, its edit and whether there was a memory, and is no memory by its text."""
    state = replace(tombstone(live(USER), 2_000, edit=str(uuid4())), created_at=created_at)

    assert state_of(item_of(state)) == state


@pytest.mark.parametrize("letter", ["a", "é", "語", "😀"])
def test_what_mem0_embeds_is_short_enough(letter: str) -> None:
    """Of a long content mem0 embeds what an embedding model takes, cut between two characters."""
    text = text_of(live(USER, letter * MAX_CONTENT_CHARS))

    assert MAX_TEXT_BYTES - 4 < len(text.encode()) <= MAX_TEXT_BYTES
    assert set(text) == {letter}


def test_a_mark_is_found_by_its_key_and_is_no_memory() -> None:
    """What stands under a key, but is no memory, is not read as one."""
    key = str(uuid4())
    item = Item(id="1", user=USER, text="anna", metadata=mark_of(key))

    assert key_of(item) == key
    with pytest.raises(Malformed):
        state_of(item)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": None},
        {"version": "1"},
        {"version": 1.5},
        {"id": 7},
        {"id": "nothing"},
        {"id": str(uuid4()).upper()},
        {"metadata": [1]},
        {"created_at": None},
        {"created_at": "yesterday"},
        {"created_at": "2024-01-01T00:00:00"},
        {"updated_at": "2024-01-01T00:00:00"},
        {"digest": "%"},
        {"edits": "x"},
        {"content": 1},
    ],
)
def test_a_note_that_was_tampered_with_is_no_memory(changes: dict[str, object]) -> None:
    """Each field is as it was written, or nothing is read at all."""
    whole = item_of(live(USER, "tea"))
    note = json.loads((whole.metadata or {})[KEY])

    assert state_of(replace(whole, metadata={KEY: json.dumps(note)})).content == "tea"
    with pytest.raises(Malformed):
        state_of(replace(whole, metadata={KEY: json.dumps(note | changes)}))


@pytest.mark.parametrize("note", ["", "{}", "[]", "null", "7", "{", "[" * 100_000, '{"a":' * 100_000, 7, ["x"], {}])
def test_a_note_that_is_none_is_no_memory(note: object) -> None:
    """Whatever stands where our note should be, reading it never fails otherwise."""
    item = Item(id=str(uuid4()), user=USER, text="tea", metadata={KEY: note})

    with pytest.raises(Malformed):
        state_of(item)
    assert key_of(item) is None


def test_what_others_have_put_in_is_a_memory_under_its_own_id() -> None:
    """A memory without a note is taken as it is: mem0's id, its moments in UTC, all of its metadata."""
    created = datetime(2026, 7, 28, 5, tzinfo=timezone(timedelta(hours=-7)))
    item = Item(
        id="6F1C3B52-8A53-4E57-9D0C-2B1F0A7E4D11",
        user=name_of(Owner(USER)),
        text="tea",
        metadata={"colour": "green"},
        created_at=created,
        updated_at=created + timedelta(seconds=1),
    )
    state = state_of(item)

    assert (state.user_id, state.id, state.content) == (USER, item.id.lower(), "tea")
    assert (state.created_at, state.updated_at) == (created, created + timedelta(seconds=1))
    assert state.created_at is not None
    assert state.created_at.tzinfo is UTC
    assert state.metadata == {"colour": "green"}
    assert state.version >> COUNTER_BITS == int((created.timestamp() + 1) * 1000)
    assert state_of(replace(item, updated_at=created)).updated_at is None


@pytest.mark.parametrize(
    ("memory_id", "text"),
    [
        ("7", "tea"),
        ("", "tea"),
        (NIL, ""),
        (NIL, " "),
        (NIL, "x" * (MAX_CONTENT_CHARS + 1)),
        (NIL, "tea\0"),
        (NIL, "tea\ud800"),
    ],
)
def test_what_cannot_be_a_memory_is_none(memory_id: str, text: str) -> None:
    """Without a UUID nobody could ask for it, and without a text that stores can hold there is nothing to remember."""
    with pytest.raises(Malformed):
        state_of(Item(id=memory_id, user=USER, text=text))


@pytest.mark.parametrize(
    "metadata",
    [
        nested(MAX_METADATA_DEPTH + 1),
        {"a": "x" * MAX_METADATA_BYTES},
        {"a": "\0"},
        {"a": "\ud800"},
        {"a\0": 1},
        {"a": float("inf")},
    ],
    ids=["deep", "large", "nul", "surrogate", "key", "infinite"],
)
def test_metadata_beyond_our_limits_is_of_no_memory(metadata: Metadata) -> None:
    """A memory that no other provider could store does not hide the others."""
    item = Item(id=NIL, user=USER, text="tea", metadata=nested(MAX_METADATA_DEPTH))

    assert state_of(item).metadata == nested(MAX_METADATA_DEPTH)
    with pytest.raises(Malformed):
        state_of(replace(item, metadata=metadata))


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-01:00"])
def test_a_moment_that_has_none_in_utc_is_none(edge: str) -> None:
    """A memory from before the first or after the last moment of UTC is one of no known moment."""
    item = Item(id=NIL, user=USER, text="tea", created_at=MOMENT, updated_at=datetime.fromisoformat(edge))

    assert state_of(item) == state_of(replace(item, updated_at=None))
    assert state_of(replace(item, created_at=item.updated_at)) == state_of(replace(item, created_at=None))


def test_a_moment_after_all_clocks_is_no_version_beyond_the_last() -> None:
    """A memory said to be of the year 9999 has a version that every store can hold."""
    item = Item(id=NIL, user=USER, text="tea", created_at=datetime(9999, 12, 31, tzinfo=UTC))

    assert state_of(item).version == MAX_VERSION


def test_a_moment_before_all_clocks_is_no_version_below_zero() -> None:
    """A memory said to be older than 1970, or of no moment at all, is the oldest version."""
    item = Item(id=str(uuid4()), user=USER, text="tea", created_at=datetime(1900, 1, 1, tzinfo=UTC))

    assert state_of(item).version == 0
    assert state_of(replace(item, created_at=None)).version == 0
