"""The limits on JSON in a memory or a condition, checked without recursion."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from providers.errors import InvalidInput

MAX_METADATA_BYTES = 16 * 1024  # of compact UTF-8 JSON
MAX_METADATA_DEPTH = 32  # the metadata object itself is level 1
MAX_INTEGER_DIGITS = 4_300  # as many as Python converts to text and back by default

_NUL = "\0"
_ANY_STORE = 2**31  # below this there is nothing to check
_TOO_LARGE_INTEGER = 10**MAX_INTEGER_DIGITS


def check_storable(field: str, text: str) -> None:
    """Refuse text that no store can hold: with NUL, or with lone surrogates."""
    if _NUL in text:
        raise InvalidInput(field, "must not contain NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(field, "must be valid Unicode without lone surrogates") from None


def check_json(field: str, root: Any, seen: int = 0) -> int:  # noqa: ANN401 - any JSON value
    """Check a JSON value without recursion, so that depth is an error and no crash; return how many values it has."""
    seen = _counted(field, seen + 1)
    waiting: list[tuple[Any, int]] = []
    _check_values(field, (root,), waiting, 1)
    while waiting:
        value, level = waiting.pop()
        if level > MAX_METADATA_DEPTH:
            raise InvalidInput(field, f"must be at most {MAX_METADATA_DEPTH} levels deep")
        # Before anything is allocated for them.
        seen = _counted(field, seen + len(value))
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise InvalidInput(field, "must have strings as keys")
                check_storable(field, key)
            value = value.values()
        _check_values(field, value, waiting, level + 1)
    return seen


def _check_values(field: str, values: Iterable[Any], waiting: list[tuple[Any, int]], level: int) -> None:
    """Check the leaves among some values, and put the others where they wait for it."""
    for value in values:
        if value.__class__ is int and -_ANY_STORE < value < _ANY_STORE:  # as is most of what is many
            continue
        if isinstance(value, (dict, list)):
            waiting.append((value, level))
        else:
            _check_leaf(field, value)


def _counted(field: str, values: int) -> int:
    """Refuse more values than fit: each takes at least a byte, and lists that contain themselves have no end."""
    if values > MAX_METADATA_BYTES:
        raise InvalidInput(field, f"must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return values


def _check_leaf(field: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        check_storable(field, value)
    elif isinstance(value, float):
        if not isfinite(value):
            raise InvalidInput(field, "must not contain NaN or infinite numbers")
    elif isinstance(value, int):
        if abs(value) >= _TOO_LARGE_INTEGER:
            raise InvalidInput(field, f"must not contain integers of more than {MAX_INTEGER_DIGITS} digits")
    elif value is not None:
        raise InvalidInput(field, f"must be JSON, but holds a {type(value).__name__}")
