"""What every provider promises of users, ids, texts and metadata: what is within the limits is taken, no more."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from math import inf, nan
from typing import Any
from uuid import uuid4

import pytest

from providers.base import MemoryProvider
from providers.errors import InvalidInput
from providers.positions import Position

ID = "0190b8a0-0000-7000-8000-000000000001"
NAIVE = datetime(2024, 1, 1)  # noqa: DTZ001 - that it has no time zone is the point

Call = Callable[[MemoryProvider, str], Awaitable[object]]

EVERY_METHOD: dict[str, Call] = {
    "remember": lambda provider, user: provider.remember(user, "tea"),
    "recall": lambda provider, user: provider.recall(user, "tea"),
    "delete": lambda provider, user: provider.delete(user, ID),
    "list_memories": lambda provider, user: provider.list_memories(user),
    "get": lambda provider, user: provider.get(user, ID),
    "update": lambda provider, user: provider.update(user, ID, content="tea"),
}

BAD_USERS = {
    "empty": "",
    "blank": " \t",
    "257 characters": "u" * 257,
    "257 emoji": "😀" * 257,
    "NUL": "user\0",
    "line feed": "user\nname",
    "escape": "\x1b[0m",
    "delete": "user\x7f",
    "C1 control": "user\x85name",
    "wildcard": "*",
    "lone surrogate": "user\ud800",
}

BAD_TEXTS = {
    "empty": "",
    "blank": " \t\r\n\u00a0\u2003",
    "NUL": "tea\0",
    "lone surrogate": "tea \udc80",
    "half a pair": "\ud83d tea",
    "too long": "x" * 32_001,
    "too many emoji": "😀" * 32_001,
}


def of_bytes(size: int, char: str = "x") -> dict[str, Any]:
    """Metadata whose compact JSON takes so many bytes, made of this character."""
    room = size - len('{"k":""}')
    count = room // len(char.encode())
    return {"k": char * count + "." * (room - count * len(char.encode()))}


def of_levels(levels: int) -> dict[str, Any]:
    """Metadata that is so many levels deep, objects and lists by turns."""
    value: Any = "leaf"
    for level in range(levels - 1, 0, -1):
        value = {"k": value} if level % 2 == 0 else [value]
    return {"k": value}


def endless() -> dict[str, Any]:
    """Metadata that holds itself."""
    metadata: dict[str, Any] = {}
    metadata["self"] = metadata
    return metadata


def shared() -> dict[str, Any]:
    """Metadata small in memory, but of 10^20 values as JSON."""
    value: list[Any] = [1]
    for _ in range(20):
        value = [value] * 10
    return {"k": value}


BAD_METADATA: dict[str, dict[Any, Any]] = {
    "too large": of_bytes(16_385),
    "too large in UTF-8": {"k": "😀" * 4_095},
    "33 levels": of_levels(33),
    "endless": endless(),
    "shared": shared(),
    "NaN": {"k": nan},
    "infinity": {"k": [inf]},
    "4301 digits": {"k": 10**4300},
    "NUL": {"k": "a\0"},
    "NUL in a key": {"a\0": 1},
    "lone surrogate": {"k": ["\ud800"]},
    "lone surrogate in a key": {"k": {"\udfff": 1}},
    "number as key": {1: "a"},
    "null as key": {"k": {None: 1}},
    "set": {"k": {1}},
    "tuple": {"k": (1, 2)},
    "bytes": {"k": b"a"},
    "moment": {"k": datetime(2024, 1, 1, tzinfo=UTC)},
    "object": {"k": object()},
}

BAD_IDS = [
    "",
    "1",
    "tea",
    "*",
    ID[:-1],
    f"{ID}0",
    f" {ID}"[:-1],
    f"{{{ID}}}",
    f"urn:uuid:{ID}",
    ID.replace("-", ""),
    ID.replace("0", "g"),
    ID.replace("1", "１"),  # noqa: RUF001 - a digit, but not one of an id
    ID.replace("-", "_"),
    f"{ID}\0"[1:],
    "' OR '1'='1",
    "../../../etc/passwd",
]


async def refused(call: Awaitable[object]) -> str:
    """The field that the call is refused for."""
    with pytest.raises(InvalidInput) as refusal:
        await call
    return refusal.value.field


@pytest.mark.parametrize("name", BAD_USERS)
@pytest.mark.parametrize("method", EVERY_METHOD)
async def test_a_bad_user_is_refused_by_every_method(provider: MemoryProvider, method: str, name: str) -> None:
    """No method takes a user id that is blank, too long, a wildcard, or not text."""
    assert await refused(EVERY_METHOD[method](provider, BAD_USERS[name])) == "user_id"


@pytest.mark.parametrize("memory_id", BAD_IDS)
async def test_a_bad_id_is_refused_by_every_method(provider: MemoryProvider, user: str, memory_id: str) -> None:
    """An id is a UUID in its one written form."""
    assert await refused(provider.remember(user, "tea", memory_id=memory_id)) == "memory_id"
    assert await refused(provider.get(user, memory_id)) == "memory_id"
    assert await refused(provider.delete(user, memory_id)) == "memory_id"
    assert await refused(provider.update(user, memory_id, content="tea")) == "memory_id"
    assert await refused(provider.update(user, ID, content="tea", edit_id=memory_id)) == "edit_id"
    assert await refused(provider.delete(user, ID, edit_id=memory_id)) == "edit_id"
    assert await refused(provider.list_memories(user, after=Position(datetime.now(UTC), memory_id))) == "after"
    assert await provider.list_memories(user) == []


@pytest.mark.parametrize("name", BAD_TEXTS)
async def test_bad_content_is_refused(provider: MemoryProvider, user: str, name: str) -> None:
    """Content is not blank, not too long, and Unicode without NUL; what is refused changes nothing."""
    memory_id = await provider.remember(user, "tea")

    assert await refused(provider.remember(user, BAD_TEXTS[name])) == "content"
    assert await refused(provider.update(user, memory_id, content=BAD_TEXTS[name])) == "content"
    assert [memory.content for memory in await provider.list_memories(user)] == ["tea"]


@pytest.mark.parametrize("name", BAD_TEXTS)
async def test_a_bad_question_is_refused(provider: MemoryProvider, user: str, name: str) -> None:
    """A question is held to the rules of content."""
    assert await refused(provider.recall(user, BAD_TEXTS[name])) == "query"


@pytest.mark.parametrize("name", BAD_METADATA)
async def test_bad_metadata_is_refused(provider: MemoryProvider, user: str, name: str) -> None:
    """Metadata is small, shallow, and survives JSON; what is refused changes nothing."""
    memory_id = await provider.remember(user, "tea", {"a": 1})

    assert await refused(provider.remember(user, "tea", BAD_METADATA[name])) == "metadata"
    assert await refused(provider.update(user, memory_id, content="coffee", metadata=BAD_METADATA[name])) == "metadata"
    assert [memory.metadata for memory in await provider.list_memories(user)] == [{"a": 1}]


@pytest.mark.parametrize("text", ["x", "x" * 32_000, "😀" * 32_000, "ந" * 32_000, "\u200b", "\x01"])
async def test_content_within_the_limits_is_taken(provider: MemoryProvider, user: str, text: str) -> None:
    """Limits count characters, not bytes."""
    memory_id = await provider.remember(user, text)

    assert (await provider.get(user, memory_id)).content == text
    assert (await provider.update(user, memory_id, metadata={})).content == text


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(of_bytes(16_384), id="16 KiB"),
        pytest.param(of_bytes(16_384, "😀"), id="16 KiB of emoji"),
        pytest.param(of_levels(32), id="32 levels"),
        pytest.param({"k": 10**4300 - 1}, id="4300 digits"),
        pytest.param({"k": [0] * 8_000}, id="8000 values"),
        pytest.param({f"{number:x}": {} for number in range(1_500)}, id="1500 keys"),
    ],
)
async def test_metadata_within_the_limits_is_taken(
    provider: MemoryProvider, user: str, metadata: dict[str, Any]
) -> None:
    """The greatest metadata comes back whole."""
    memory_id = await provider.remember(user, "tea", metadata)

    assert (await provider.get(user, memory_id)).metadata == metadata
    assert (await provider.update(user, memory_id, metadata=metadata)).metadata == metadata


async def test_a_refusal_says_which_rule_was_broken(provider: MemoryProvider, user: str) -> None:
    """An error names the field and the rule, and not what was sent."""
    with pytest.raises(InvalidInput) as refusal:
        await provider.remember(user, f"{uuid4()}" * 1_000)

    assert refusal.value.reason == "must be at most 32000 characters, got 36000"
    assert str(refusal.value) == "content: must be at most 32000 characters, got 36000"
