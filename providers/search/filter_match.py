"""The evaluation in memory of conditions on metadata, with the semantics that `providers/filters.py` documents."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from providers import filters

ABSENT = object()
_TESTS = {filters.Gt: gt, filters.Gte: ge, filters.Lt: lt, filters.Lte: le}

# What PostgreSQL's `#>` takes for an array index: C's strtol, so any leading blanks, a sign and leading zeros pass. It
# reads 32 bits; a number of more than ten digits leads nowhere, here as there.
_INDEX = re.compile(r"[ \t\n\v\f\r]*([+-]?)0*([0-9]{1,10})")


def matches(where: filters.Filter, metadata: Mapping[str, Any] | None) -> bool:
    """Return whether the condition holds for a memory's metadata; without metadata every field is absent."""
    match where:
        case filters.And():
            return all(matches(node, metadata) for node in where.all)
        case filters.Or():
            return any(matches(node, metadata) for node in where.any)
        case filters.Not():
            return not matches(where.that, metadata)
        case _:
            return holds(where, found_at(filters.path_of(where.field), metadata))


def equal(left: Any, right: Any) -> bool:  # noqa: ANN401 - any JSON values
    """Return whether two JSON values are equal: 1 equals 1.0, true does not equal 1, keys have no order."""
    if _is_number(left) and _is_number(right):
        return bool(_comparable(left, right) == _comparable(right, left))
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def leads_into_lists(step: str) -> bool:
    """Return whether a step of a field may name an element of a list."""
    return _INDEX.fullmatch(step) is not None


def holds(node: filters.Leaf, found: Any) -> bool:  # noqa: ANN401, PLR0911 - any JSON value, or ABSENT; one per kind
    """Return whether a condition on one field holds for the value that was found there."""
    match node:
        case filters.Exists():
            return found is not ABSENT
        case filters.Eq():
            return equal(found, node.value)
        case filters.Ne():
            return not equal(found, node.value)
        case filters.In():
            return any(equal(found, value) for value in node.values)
        case filters.Prefix():
            return isinstance(found, str) and found.startswith(node.value)
        case filters.Between():
            return _compare(ge, found, node.low) and _compare(le, found, node.high)
        case filters.Contains() | filters.ContainsAny() | filters.ContainsAll():
            return isinstance(found, list) and _contains(node, found)
        case _:
            return _compare(_TESTS[type(node)], found, node.value)


def _contains(node: filters.OfLists, found: list[Any]) -> bool:
    def there(value: Any) -> bool:  # noqa: ANN401 - any JSON value
        return any(equal(element, value) for element in found)

    match node:
        case filters.Contains():
            return there(node.value)
        case filters.ContainsAny():
            return any(map(there, node.values))
        case _:
            return all(map(there, node.values))


def _compare(test: Callable[[Any, Any], bool], found: Any, value: filters.Scalar) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(found, str) and isinstance(value, str):
        left, right = found, value
    elif _is_number(found) and _is_number(value):
        left, right = _comparable(found, value), _comparable(value, found)
    else:
        return False
    return bool(test(left, right))


def found_at(path: Iterable[str], metadata: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
    """Return the value that a path leads to, `ABSENT` if it leads nowhere."""
    value: Any = {} if metadata is None else metadata
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list):
            value = _element(value, step)
        else:
            return ABSENT
    return value


def _element(values: list[Any], step: str) -> Any:  # noqa: ANN401 - any JSON value, or ABSENT
    written = _INDEX.fullmatch(step)
    if written is None:
        return ABSENT
    index = int(written[1] + written[2])
    return values[index] if -len(values) <= index < len(values) else ABSENT


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _comparable(number: Any, other: Any) -> Any:  # noqa: ANN401 - int, float or Decimal
    """Make an int and a float comparable by their JSON value: 1e23 is 10**23, not the binary number near it."""
    if isinstance(number, float) is isinstance(other, float):
        return number
    return Decimal(float.__repr__(number) if isinstance(number, float) else number)
