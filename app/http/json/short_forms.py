"""The short form of conditions in a body, `"where": {"topic": "tea"}`, written out before it is read."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

FIELD = "where"
_INSIDE = ("all", "any")  # lists of conditions
_decode = msgspec.json.Decoder().decode


def written_out(body: bytes | Raw, into: type[Struct]) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a body holds, with the short forms of its conditions written out; None if it has none of them.

    Raises:
        msgspec.DecodeError: the body is malformed.
        RecursionError: it nests too deeply.
    """
    if FIELD not in into.__struct_encode_fields__:
        return None
    read = _decode(body)
    if not isinstance(read, dict) or FIELD not in read:
        return None
    condition = long_form(read[FIELD])
    return None if condition == read[FIELD] else read | {FIELD: condition}


def long_form(condition: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    """Return a condition with short forms written out: an object without an `op` names fields, and what they equal."""
    if not isinstance(condition, dict) or not condition:
        return condition
    if "op" in condition:
        inside = {
            name: [long_form(one) for one in condition[name]]
            for name in _INSIDE
            if isinstance(condition.get(name), list)
        }
        return condition | inside | ({"that": long_form(condition["that"])} if "that" in condition else {})
    equal = [{"op": "eq", "field": field, "value": value} for field, value in condition.items()]
    return equal[0] if len(equal) == 1 else {"op": "and", "all": equal}
