"""The short form of conditions in a body, `"where": {"topic": "tea"}`, written out before it is read."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from providers.errors import InvalidInput
from providers.filters import MAX_CONDITIONS

FIELD = "where"
_INSIDE = ("all", "any")  # lists of conditions
_decode = msgspec.json.Decoder().decode
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.encode


def written_out(body: bytes | Raw, into: type[Struct]) -> bytes | None:
    """Return a body with the short forms of its conditions written out; None if it has none, or cannot be read.

    Raises:
        InvalidInput: the condition is empty, which may mean anything, or names too many fields.
    """
    if FIELD not in into.__struct_encode_fields__:
        return None
    try:
        fields = _decode_fields(body)
        condition = _decode(fields.get(FIELD, b"null"))
        if condition == {}:
            raise InvalidInput(FIELD, "must name a field, or have an op; leave it out where all memories are meant")
        long = long_form(condition)
        return None if long == condition else _encode(fields | {FIELD: long})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def long_form(condition: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    """Return a condition with short forms written out: an object without an `op` names fields, and what they equal.

    Raises:
        InvalidInput: it names too many; said here, since its caller has written no list that would be too long.
    """
    if not isinstance(condition, dict) or not condition:
        return condition
    if "op" in condition:
        inside = {
            name: [long_form(one) for one in condition[name]]
            for name in _INSIDE
            if isinstance(condition.get(name), list)
        }
        return condition | inside | ({"that": long_form(condition["that"])} if "that" in condition else {})
    if len(condition) > MAX_CONDITIONS:
        raise InvalidInput(FIELD, f"must hold at most {MAX_CONDITIONS} conditions")
    equal = [{"op": "eq", "field": field, "value": value} for field, value in condition.items()]
    return equal[0] if len(equal) == 1 else {"op": "and", "all": equal}
