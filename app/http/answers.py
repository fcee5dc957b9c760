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
    fields = [_encode(name) + b":" + await _encoded(getattr(answer, name)) for name in answer.__struct_encode_fields__]
    content = b"{" + b",".join(fields) + b"}"
    # The framework passes bytes on as they are; the document has the answer's own type.
    return Response(cast("Answer", content), status_code=status, media_type=MediaType.JSON)


async def _encoded(value: Any) -> bytes:  # noqa: ANN401 - any field
    if not isinstance(value, list):
        return _encode(value)
    return b"[" + b",".join(await in_turns(_encode, value)) + b"]"
