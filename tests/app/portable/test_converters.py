"""Other people's exports, in the forms in which they are written: what becomes of them, and what is refused."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.portable.converters.building import Converted
from app.portable.converters.mapping import FieldMapping, WrongMapping
from app.portable.converters.records import NotReadable
from app.portable.converters.sources import Source, converted
from app.portable.format import MemoryLine
from providers.limits import check_memory_id

NOW = datetime(2026, 12, 1, tzinfo=UTC)
PLAIN = FieldMapping.of({})

# As `GET /memories?user_id=alice` of mem0's server answers.
OSS: dict[str, Any] = {
    "results": [
        {
            "id": "4f3c2a0e-6a55-4d63-a4c6-2f1f1a0d9a11",
            "memory": "Likes window seats",
            "hash": "b1946ac92492d2347c6235b4d2611184",
            "metadata": {"topic": "travel"},
            "created_at": "2025-04-02T08:15:30.123456-07:00",
            "updated_at": "2025-04-03T08:15:30.123456-07:00",
            "user_id": "alice",
            "agent_id": "planner",
            "run_id": "trip-7",
            "actor_id": "Ann",
            "role": "user",
        },
        {
            "id": "9d2b8a44-1c1f-4a5e-8a08-5b7f2e3a7c22",
            "memory": "Vegetarian",
            "hash": "591785b794601e212b260e25925636fd",
            "metadata": None,
            "created_at": "2025-04-02T08:15:30.123456-07:00",
            "updated_at": None,
            "user_id": "alice",
            "role": "user",
        },
    ]
}
# As the managed service lists memories, page by page.
PLATFORM: dict[str, Any] = {
    "count": 1,
    "next": None,
    "previous": None,
    "results": [
        {
            "id": "f4c1b9d2-5c56-4f3f-9a5e-3d8a0f7b6e33",
            "memory": "Plays the veena",
            "user_id": "alice",
            "agent_id": None,
            "app_id": "music",
            "run_id": None,
            "hash": "d3b07384d113edec49eaa6238ad5ff00",
            "metadata": {"source": "chat"},
            "categories": ["hobbies"],
            "immutable": False,
            "expiration_date": "2030-01-01",
            "created_at": "2025-01-10T10:00:00Z",
            "updated_at": "2025-01-10T10:00:00Z",
        }
    ],
}
# As `[item.dict() for item in store.search(())]` of LangGraph gives them.
LANGGRAPH = [
    {
        "namespace": ["memories", "alice"],
        "key": "1",
        "value": {"content": "Prefers tea", "kind": "taste"},
        "created_at": "2025-06-01T12:00:00+00:00",
        "updated_at": "2025-06-02T12:00:00+00:00",
        "score": None,
    },
    {
        "namespace": ["profile"],
        "key": "1",
        "value": {"age": 30},
        "created_at": "2025-06-01T12:00:00+00:00",
        "updated_at": "2025-06-01T12:00:00+00:00",
    },
]
# The table `store` of LangGraph's PostgresStore, by COPY ... WITH (FORMAT csv, HEADER).
TABLE = (
    "prefix,key,value,created_at,updated_at\n"
    'memories.alice,1,"{""content"": ""Prefers tea"", ""kind"": ""taste""}",'
    "2025-06-01 12:00:00+00,2025-06-02 12:00:00+00\n"
)


def lines(source: Source, text: str | bytes, mapped: FieldMapping = PLAIN) -> list[MemoryLine]:
    """Return what a file becomes, none of which is refused."""
    found = converted(source, text.encode() if isinstance(text, str) else text, mapped, NOW)
    memories = [one.line for _, one in found if isinstance(one, Converted)]
    for line in memories:
        assert check_memory_id(line.id) == line.id
    return memories


def faults(source: Source, text: str, mapped: FieldMapping = PLAIN) -> list[tuple[int, str]]:
    """Return the numbers of records that are refused, and why."""
    return [(number, one) for number, one in converted(source, text.encode(), mapped, NOW) if isinstance(one, str)]


def test_mem0s_own_server() -> None:
    """Ids and moments stay; the run is the session, the actor or the role speaks; nulls are nothing."""
    first, second = lines("mem0", json.dumps(OSS))

    assert (first.id, first.content, first.metadata) == (
        OSS["results"][0]["id"],
        "Likes window seats",
        {"topic": "travel"},
    )
    assert labelled(first) == ("trip-7", "planner", None, "Ann")
    assert first.created_at == datetime(2025, 4, 2, 15, 15, 30, 123456, UTC)
    assert first.updated_at == datetime(2025, 4, 3, 15, 15, 30, 123456, UTC)
    assert (labelled(second), second.metadata, second.updated_at) == ((None, None, None, "user"), None, None)
    assert (first.first_version, second.first_version) == (1, 2)  # of one moment, in the order of the file


def test_mem0s_platform() -> None:
    """Categories and whatever else it says of a memory are metadata."""
    [line] = lines("mem0-platform", json.dumps(PLATFORM))
    [exported] = lines("mem0-platform", json.dumps({"memories": PLATFORM["results"]}))

    assert line == exported
    assert labelled(line) == (None, None, "music", None)
    assert line.metadata == {
        "categories": ["hobbies"],
        "immutable": False,
        "expiration_date": "2030-01-01",
        "source": "chat",
    }
    assert (line.created_at, line.updated_at) == (datetime(2025, 1, 10, 10, tzinfo=UTC), None)


def test_langgraphs_items() -> None:
    """The text of a value is the content, the rest metadata; a value without text is stored as JSON."""
    taste, profile = lines("langgraph", json.dumps(LANGGRAPH))

    assert (taste.content, taste.metadata) == (
        "Prefers tea",
        {"kind": "taste", "langgraph": {"namespace": ["memories", "alice"], "key": "1"}},
    )
    assert taste.updated_at == datetime(2025, 6, 2, 12, tzinfo=UTC)
    assert (profile.content, profile.updated_at) == ('{"age":30}', None)
    assert taste.id != profile.id  # the same key in another namespace
    assert lines("langgraph", TABLE) == [taste]
    assert lines("langgraph", "\n".join(map(json.dumps, LANGGRAPH))) == [taste, profile]


def test_json_by_a_mapping() -> None:
    """Paths lead into objects; `*` is everything that is not mapped, and a name may have dots itself."""
    record = {
        "uid": "n-1",
        "note": {"text": "tea", "at": 1_715_000_000_123},
        "from": {"who": "Ann"},
        "tags": ["x"],
        "a.b": "dotted",
        "n": 1,
    }
    mapped = FieldMapping.of(
        {
            "id": "uid",
            "content": "note.text",
            "created_at": "note.at",
            "speaker": "from.who",
            "metadata": "*",
            "metadata.dotted": "a.b",
        }
    )
    [line] = lines("json", json.dumps([record]), mapped)
    [same] = lines("json", json.dumps(record), mapped)

    assert line == same
    assert (line.content, line.speaker, line.metadata) == ("tea", "Ann", {"tags": ["x"], "n": 1, "dotted": "dotted"})
    assert line.created_at == datetime(2024, 5, 6, 12, 53, 20, 123000, UTC)


def test_records_without_ids_get_the_same_ones_again() -> None:
    """Also those that are alike, each of its own; another text is another memory."""
    text = "content\ntea\ntea\ncoffee\n"
    ids = [line.id for line in lines("csv", text)]

    assert [line.id for line in lines("csv", f"\ufeff{text}")] == ids
    assert len(set(ids)) == 3
    assert all(UUID(one) for one in ids)


@pytest.mark.parametrize(
    ("source", "text", "reason"),
    [
        ("mem0", '[{"id": "1"}]', "memory must be a text that is not blank"),
        ("mem0", '[{"memory": "tea", "created_at": "yesterday"}]', "created_at is no moment"),
        ("mem0", "[1]", "is not an object"),
        ("json", '{"content": "tea", "metadata": 1}\n{"content": "tea"}', "metadata must be an object"),
        ("json", '[{"content": "tea", "created_at": true}]', "created_at is no moment"),
        ("langgraph", '[{"key": "1", "value": {}}]', "namespace must be a list of texts"),
        ("langgraph", '[{"namespace": [], "key": "1", "value": "{"}]', "value is not JSON"),
        ("csv", "content\ntea,more\n", "has more cells than names"),
    ],
)
def test_a_record_that_is_no_memory_fails_alone(source: Source, text: str, reason: str) -> None:
    """With its number and the reason."""
    [(number, said)] = faults(source, text)

    assert number == 1
    assert said.startswith(reason)


@pytest.mark.parametrize(
    ("source", "text"), [("mem0", "nothing"), ("json", "1"), ("json", "x\ny"), ("csv", ""), ("csv", 'a\n"b')]
)
def test_a_file_of_another_form_is_refused(source: Source, text: str) -> None:
    """As a whole."""
    with pytest.raises(NotReadable):
        faults(source, text)


def test_a_mapping_names_fields_of_memories() -> None:
    """Others cannot be meant."""
    with pytest.raises(WrongMapping, match="colour"):
        FieldMapping.of({"colour": "x"})


def labelled(line: MemoryLine) -> tuple[Any, ...]:
    """Return session, agent, app and speaker of a line."""
    return line.session, line.agent, line.app, line.speaker
