"""The body of remember: a message that breaks a rule fails alone, as an item of a batch does."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, get_type_hints

import msgspec
from msgspec import Raw, Struct

from app.http.json.batch import ITEM
from app.http.json.body import JsonDTO, decode, without_mark
from app.http.problems import Problem, RequestError, problem_of
from app.http.remember_schemas import MOST_MESSAGES, Message, RememberOneRequest
from providers.errors import InvalidInput
from providers.timing.turns import in_turns

_FIELD = "messages"


class RememberDTO(JsonDTO[RememberOneRequest]):
    """Decode the body at once; if one of its messages breaks a rule, leave all of them raw for `messages_of`."""

    def decode_bytes(self, value: bytes) -> RememberOneRequest:
        """Decode one body; errors as of `JsonDTO.decode_bytes`, but for those of single messages."""
        try:
            return super().decode_bytes(value)
        except InvalidInput as error:
            if not error.field.startswith(f"{_FIELD}["):
                raise
        parts = decode(without_mark(value), _with_raw_messages())
        fields = {name: getattr(parts, name) for name in parts.__struct_fields__}
        decoded = RememberOneRequest(**fields)  # with the type that the document has, which is not that of raw ones
        self.name_user(decoded.user_id)
        return decoded


async def messages_of(messages: Sequence[Message]) -> list[Message | Problem]:
    """Return the messages of a body, or the problems with them, with turns of the event loop in between."""
    return await in_turns(_message, messages)


def _message(one: Message | Raw) -> Message | Problem:
    if isinstance(one, Message):
        return one
    try:
        return decode(one, Message, ITEM)
    except (RequestError, InvalidInput) as error:
        return problem_of(error)


@lru_cache(maxsize=1)
def _with_raw_messages() -> type[Struct]:
    """Return a struct with the same fields, whose messages are kept as raw JSON."""
    hints = get_type_hints(RememberOneRequest, include_extras=True)
    fields = [
        (field.name, Annotated[list[Raw], MOST_MESSAGES] if field.name == _FIELD else hints[field.name], field.default)
        for field in msgspec.structs.fields(RememberOneRequest)
    ]
    return msgspec.defstruct("RawConversation", fields, forbid_unknown_fields=True)
