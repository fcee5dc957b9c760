"""Answers of many items, encoded a few items at a time with turns of the event loop in between."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any, TypeVar, cast

import msgspec
from litestar import MediaType, Response
from litestar.serialization import default_serializer
from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import replace

from app.http.batch_schemas import RecallItem
from app.http.schemas import ListResponse, RecallResponse
from providers.timing.turns import Turns, in_turns
from providers.types import MemoryRecord

Answer = TypeVar("Answer", bound=Struct)
OfMemories = TypeVar("OfMemories", RecallResponse, ListResponse)

# Of the longest memories, these take a few milliseconds; an answer of no more is encoded by the framework as ever.
AT_ONCE = 10

HIDDEN = ("first_version", "version")  # the fields of a memory that no answer has

_encode = msgspec.json.Encoder(enc_hook=default_serializer).encode


async def of_memories(answer: OfMemories) -> Response[OfMemories]:
    """Return the response of an answer with one list of memories."""
    return Response(answer) if len(answer.memories) <= AT_ONCE else await in_parts(answer)


async def all_shown(memories: Sequence[MemoryRecord]) -> list[MemoryRecord]:
    """Return memories as the API shows them."""
    return [shown(memory) for memory in memories] if len(memories) <= AT_ONCE else await in_turns(shown, memories)


def shown(memory: MemoryRecord) -> MemoryRecord:
    """Return a memory as the API shows it: without what only orders lists, and what stands in a header."""
    return replace(memory, first_version=0, version=0)  # which are left out


async def in_parts(
    answer: Answer, status: int = 200, clock: Callable[[], float] = time.thread_time
) -> Response[Answer]:
    """Return the response of an answer: encoding it at once would hold up all other requests.

    The bytes are those that the framework makes of the answer.
    """
    # It grows part by part and is given away as it is: joining megabytes at the end would take 20 ms of its own.
    content = BytesIO()
    await _write(answer, content, Turns(clock))
    # The framework passes bytes on as they are; the document has the answer's own type.
    return Response(cast("Answer", content.getvalue()), status_code=status, media_type=MediaType.JSON)


async def _write(answer: Struct, content: BytesIO, turns: Turns) -> None:
    before = b"{"
    for name, key, omitted in _fields_of(type(answer)):
        value = getattr(answer, name)
        if value is omitted or value is UNSET:
            continue
        content.write(before + key)
        if isinstance(value, list):
            await _write_items(value, content, turns)
        else:
            content.write(_encode(value))
        before = b","
    content.write(b"}")


async def _write_items(values: list[Any], content: BytesIO, turns: Turns) -> None:
    step = 1 if values and isinstance(values[0], RecallItem) else AT_ONCE  # each of which has memories of its own
    before = b"["
    for begin in range(0, len(values), step):
        some = values[begin : begin + step]
        content.write(before)
        if step == 1 and len(some[0].memories or ()) > AT_ONCE:
            await _write(some[0], content, turns)
        else:
            content.write(memoryview(_encode(some))[1:-1])
            await turns.take()
        before = b","
    content.write(b"]" if values else b"[]")


@lru_cache
def _fields_of(answer: type[Struct]) -> list[tuple[str, bytes, Any]]:
    """Return of each field the name, what stands before its value, and the value with which it is left out."""
    leaves_out = answer.__struct_config__.omit_defaults
    return [
        (field.name, _encode(field.encode_name) + b":", field.default if leaves_out else NODEFAULT)
        for field in msgspec.structs.fields(answer)
    ]
