"""What every provider promises of storing one memory and getting it back as it was."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.errors import Conflict, MemoryNotFound

MILLISECOND = timedelta(milliseconds=1)  # to which moments are told

TEXTS = [
    pytest.param("நினைவுகள் அலைகளாக வருகின்றன", id="tamil"),
    pytest.param(
        "\U0001f469\U0001f3fd\u200d\U0001f4bb met \U0001f468\u200d\U0001f469\u200d\U0001f467", id="joined emoji"
    ),
    pytest.param("\u202bתה ירוק\u202c مرحبا", id="right to left"),
    pytest.param("e\u0301 and \u00e9, A\u030a and \u212b", id="combining, not normalised"),
    pytest.param("z\u0335\u0321\u0353a\u0334\u0358", id="stacked marks"),
    pytest.param("𝄞 𐍈 𠜎", id="astral"),
    pytest.param("  spaces\t\r\n\u00a0\u2028around \n", id="white space"),
    pytest.param("'; DROP TABLE memories; -- \\x00 %s {} $1 :name", id="code"),
    pytest.param("\ufeffmark \u200b\u0085\u001b[0m\u0001", id="invisible"),
    pytest.param('{"json": [1, "\\u0000"]}', id="json"),
]


def nested(levels: int) -> dict[str, object]:
    """Metadata of so many levels."""
    metadata: dict[str, object] = {"leaf": True}
    for _ in range(levels - 1):
        metadata = {"deeper": metadata}
    return metadata


METADATA = [
    pytest.param(None, id="none"),
    pytest.param({}, id="empty"),
    pytest.param({"a": None, "b": [None, {"c": None}]}, id="nulls"),
    pytest.param({"who": {"name": "Anna", "tags": ["x", ["y", {}], []]}}, id="nested"),
    pytest.param({"int": 1, "float": 1.0, "zero": 0, "float zero": 0.0}, id="int and float"),
    pytest.param({"n": [2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**40, -(10**300)]}, id="big ints"),
    pytest.param({"n": [1e22, 1e23, 1e300, 1e-7, 5e-324, 1.7976931348623157e308, 0.1, -2.5e-10]}, id="floats"),
    pytest.param({"n": -0.0}, id="negative zero"),
    pytest.param({"yes": True, "no": False, "one": 1, "none": 0}, id="booleans"),
    pytest.param({"": "", "list": [], "object": {}}, id="empty values"),
    pytest.param({"a.b": 1, "a": {"b": 2}, "$": "x", "a[0]": 3, "*": 4, "%": "_"}, id="odd keys"),
    pytest.param({"நினைவு": "👩🏽‍💻", "e\u0301": "\u00e9", "\u2028": "\u0001"}, id="unicode"),
    pytest.param({"id": "x", "user_id": "y", "data": "z", "hash": 1, "created_at": "1970-01-01"}, id="known names"),
    pytest.param({"z": 1, "a": 2, "m": 3}, id="unordered keys"),
    pytest.param(nested(32), id="32 levels"),
]


def types_of(value: object) -> object:
    """The value with each leaf beside its type, so that 1, 1.0 and true differ."""
    if isinstance(value, dict):
        return {key: types_of(child) for key, child in value.items()}
    if isinstance(value, list):
        return [types_of(child) for child in value]
    return type(value).__name__, value


@pytest.mark.parametrize("text", TEXTS)
async def test_content_comes_back_byte_for_byte(provider: MemoryProvider, user: str, text: str) -> None:
    """Content is stored as it is, code point by code point."""
    memory_id = await provider.remember(user, text)

    assert (await provider.get(user, memory_id)).content.encode() == text.encode()
    assert [memory.content.encode() for memory in await provider.list_memories(user)] == [text.encode()]


@pytest.mark.parametrize("metadata", METADATA)
async def test_metadata_comes_back_with_its_types(
    provider: MemoryProvider, user: str, metadata: dict[str, object] | None
) -> None:
    """Metadata is stored as the JSON it is, numbers with their types."""
    memory_id = await provider.remember(user, "tea", metadata)

    assert types_of((await provider.get(user, memory_id)).metadata) == types_of(metadata)
    assert [types_of(memory.metadata) for memory in await provider.list_memories(user)] == [types_of(metadata)]
    assert [types_of(memory.metadata) for memory in await provider.recall(user, "tea")] == [types_of(metadata)]


async def test_a_new_memory_has_every_field_set(provider: MemoryProvider, user: str) -> None:
    """A memory carries its id, its user and when it was made; it was not updated and has no score yet."""
    before = datetime.now(UTC)

    memory_id = await provider.remember(user, "tea", {"a": 1})

    stored = await provider.get(user, memory_id)
    assert before - MILLISECOND < stored.created_at <= datetime.now(UTC)
    assert msgspec.to_builtins(stored, builtin_types=[datetime]) == {
        "id": memory_id,
        "user_id": user,
        "content": "tea",
        "metadata": {"a": 1},
        "created_at": stored.created_at,
        "updated_at": None,
        "first_version": stored.first_version,
        "version": stored.version,
    }


async def test_get_list_and_recall_give_the_same_record(provider: MemoryProvider, user: str) -> None:
    """A memory looks the same wherever it is read, but for the score."""
    memory_id = await provider.remember(user, "masala tea", {"a": [1]})
    await provider.update(user, memory_id, content="ginger tea")

    record = await provider.get(user, memory_id)
    assert await provider.list_memories(user) == [record]
    assert [replace(hit, similarity_score=None) for hit in await provider.recall(user, "ginger")] == [record]


async def test_a_memory_without_version_is_made_now(provider: MemoryProvider, user: str) -> None:
    """Without a version and a moment, a memory's moment is now, in UTC."""
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    created_at = (await provider.get(user, await provider.remember(user, "tea"))).created_at

    assert before <= created_at <= datetime.now(UTC) + timedelta(milliseconds=1)
    assert created_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=UTC),
        datetime(2150, 1, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
async def test_created_at_is_kept_to_the_microsecond(provider: MemoryProvider, user: str, moment: datetime) -> None:
    """A moment given comes back as the same moment, in UTC."""
    memory_id = await provider.remember(user, "tea", created_at=moment)

    created_at = (await provider.get(user, memory_id)).created_at
    assert created_at == moment
    assert created_at.utcoffset() == timedelta(0)


async def test_ids_have_one_written_form(provider: MemoryProvider, user: str) -> None:
    """An id in capitals is the same id, and the answer has it in small letters."""
    memory_id = str(uuid4())

    assert await provider.remember(user, "tea", memory_id=memory_id.upper()) == memory_id
    assert (await provider.get(user, memory_id.upper())).id == memory_id
    assert await provider.delete(user, memory_id.upper()) is True


async def test_equal_texts_without_ids_are_two_memories(provider: MemoryProvider, user: str) -> None:
    """Without an id every call stores a memory of its own."""
    first = await provider.remember(user, "tea")
    second = await provider.remember(user, "tea")

    assert first != second
    assert len(await provider.list_memories(user)) == 2


async def test_a_repeated_write_is_one_memory(provider: MemoryProvider, user: str) -> None:
    """The same id with the same content and metadata again changes nothing, whatever its version and moment."""
    memory_id = str(uuid4())
    await provider.remember(user, "tea", {"a": 1, "b": [2]}, memory_id=memory_id, version=1000)
    record = await provider.get(user, memory_id)

    again = await provider.remember(
        user, "tea", {"b": [2], "a": 1}, memory_id=memory_id, version=2000 << 16, created_at=datetime.now(UTC)
    )

    assert again == memory_id
    assert await provider.list_memories(user) == [record]


@pytest.mark.parametrize(
    ("content", "metadata"),
    [("coffee", {"a": 1}), ("tea", {"a": 2}), ("tea", None), ("tea", {}), ("tea ", {"a": 1}), ("tea", {"a": True})],
)
async def test_an_id_holds_one_memory(
    provider: MemoryProvider, user: str, content: str, metadata: dict[str, object] | None
) -> None:
    """The same id with other content or metadata is refused, and what was there stays."""
    memory_id = await provider.remember(user, "tea", {"a": 1})
    record = await provider.get(user, memory_id)

    with pytest.raises(Conflict):
        await provider.remember(user, content, metadata, memory_id=memory_id)
    assert await provider.list_memories(user) == [record]


async def test_a_retry_of_the_first_write_does_not_undo_an_edit(provider: MemoryProvider, user: str) -> None:
    """A write that is repeated after an edit is still the same write, and the edit stays."""
    memory_id = await provider.remember(user, "tea", {"a": 1}, version=1000)
    edited = await provider.update(user, memory_id, content="coffee", metadata=None)

    again = await provider.remember(user, "tea", {"a": 1}, memory_id=memory_id, version=1000)

    assert again == memory_id
    assert await provider.list_memories(user) == [edited]


async def test_an_unknown_id_is_not_found(provider: MemoryProvider, user: str) -> None:
    """Getting what was never stored says so, with the id."""
    memory_id = str(uuid4())

    with pytest.raises(MemoryNotFound) as refusal:
        await provider.get(user, memory_id)
    assert refusal.value.memory_id == memory_id


async def test_an_unknown_user_has_nothing(provider: MemoryProvider, user: str) -> None:
    """A user who never stored anything has an empty list and finds nothing."""
    assert await provider.list_memories(user) == []
    assert await provider.recall(user, "tea") == []


async def test_health_names_the_provider(provider: MemoryProvider) -> None:
    """A provider that works says that it is healthy, who it is, and no error."""
    health = await provider.health_check()

    assert (health.healthy, health.provider, health.error) == (True, type(provider).__name__, None)
    assert msgspec.json.decode(msgspec.json.encode(health))["healthy"] is True


async def test_changing_a_dict_changes_no_memory(provider: MemoryProvider, user: str) -> None:
    """What a caller does to metadata before or after a call stays with the caller."""
    metadata: dict[str, list[int]] = {"list": [1]}
    memory_id = await provider.remember(user, "tea", metadata)
    records = [
        await provider.get(user, memory_id),
        *await provider.list_memories(user),
        *await provider.recall(user, "tea"),
    ]

    metadata["list"].append(2)
    for record in records:
        assert record.metadata == {"list": [1]}
        record.metadata["list"].append(3)

    assert (await provider.get(user, memory_id)).metadata == {"list": [1]}
    assert (await provider.recall(user, "tea"))[0].metadata == {"list": [1]}


async def test_changing_a_dict_changes_no_edit(provider: MemoryProvider, user: str) -> None:
    """Metadata given to update and received from it stays with the caller too."""
    metadata: dict[str, list[int]] = {"list": [1]}
    memory_id = await provider.remember(user, "tea")
    edited = await provider.update(user, memory_id, metadata=metadata)

    metadata["list"].append(2)
    assert edited.metadata == {"list": [1]}
    edited.metadata["list"].append(3)

    assert (await provider.get(user, memory_id)).metadata == {"list": [1]}
