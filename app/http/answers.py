"""Answers of many items, encoded item by item with turns of the event loop in between."""

from typing import Any, TypeVar, cast

import msgspec
from litestar import MediaType, Response
from litestar.serialization import default_serializer

from providers.timing.turns import in_turns

Answer = TypeVar("Answer", bound=msgspec.Struct)

_encode = msgspec.json.Encoder(enc_hook=default_serializer).encode


async def in_parts(answer: Answer, status: int = 200) -> Response[Answer]:
    """Return the response of an answer: encoding it at once would hold up all other requests.

    The bytes are those that the framework makes of the answer.
    """
    parts: list[bytes] = []
    for place, name in enumerate(answer.__struct_encode_fields__):
        parts += (b"," if place else b"{", _encode(name), b":")
        value = getattr(answer, name)
        parts += await _items_of(value) if isinstance(value, list) else [_encode(value)]
    content = b"".join((*parts, b"}"))  # once, because copying megabytes takes milliseconds
    # The framework passes bytes on as they are; the document has the answer's own type.
    return Response(cast("Answer", content), status_code=status, media_type=MediaType.JSON)


async def _items_of(values: list[Any]) -> list[bytes]:
    parts = [b"["]
    for item in await in_turns(_encode, values):
        parts += (item, b",")
    return [*parts[: max(1, len(parts) - 1)], b"]"]
