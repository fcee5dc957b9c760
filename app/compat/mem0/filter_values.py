"""The values of mem0's filters as conditions on one field, and conditions put together."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from providers import filters
from providers.errors import InvalidInput
from providers.filters import FieldPath, Filter

FIELD = "filters"
_UNSERVED = frozenset({"icontains"})
_QUOTED_CHARS = 60

_COMPARISONS: dict[str, Callable[[FieldPath, filters.Scalar], filters.Comparison]] = {
    "gt": filters.Gt,
    "gte": filters.Gte,
    "lt": filters.Lt,
    "lte": filters.Lte,
}

# A condition, or what is certain without a look at any memory.
Condition = Filter | bool


def on_field(field: FieldPath, value: object) -> Condition:
    """Return the condition that a value of the filters puts on a field; raise `InvalidInput` if it is malformed."""
    if isinstance(value, dict):
        return all_hold([_operator(field, name, operand) for name, operand in value.items()])
    if isinstance(value, list):
        return filters.In(field, value) if value else False
    return filters.Exists(field) if value == "*" else filters.Eq(field, value)


def _operator(field: FieldPath, name: str, operand: Any) -> Condition:  # noqa: ANN401 - any JSON value
    match name:
        case "eq":
            return filters.Exists(field) if operand == "*" else filters.Eq(field, operand)
        case "ne":
            return filters.Not(filters.Exists(field)) if operand == "*" else filters.Ne(field, operand)
        case "in":
            if not isinstance(operand, list):
                raise InvalidInput(FIELD, "in needs a list")
            return filters.In(field, operand) if operand else False
        case "nin":
            if not isinstance(operand, list):
                raise InvalidInput(FIELD, "nin needs a list")
            return filters.Not(filters.In(field, operand)) if operand else True
        case "contains":
            return filters.Contains(field, operand)
        case "gt" | "gte" | "lt" | "lte":
            if isinstance(operand, bool) or not isinstance(operand, (str, int, float)):
                raise InvalidInput(FIELD, f"{name} compares numbers and texts")
            return _COMPARISONS[name](field, operand)
        case _:
            raise unsupported(name)


def unsupported(operator: str) -> InvalidInput:
    """Return the refusal of an operator that is not served."""
    known = (
        "eq, ne, in, nin, contains, gt, gte, lt and lte"
        if operator not in _UNSERVED
        else "words are found by the query"
    )
    return InvalidInput(FIELD, f"{operator[:_QUOTED_CHARS]} is not supported: {known}")


def all_hold(conditions: list[Condition]) -> Condition:
    """Return that all conditions hold."""
    if False in conditions:
        return False
    rest = [condition for condition in conditions if not isinstance(condition, bool)]
    return True if not rest else rest[0] if len(rest) == 1 else filters.And(rest)


def any_holds(conditions: list[Condition]) -> Condition:
    """Return that one of the conditions holds."""
    if True in conditions:
        return True
    rest = [condition for condition in conditions if not isinstance(condition, bool)]
    return False if not rest else rest[0] if len(rest) == 1 else filters.Or(rest)


def not_so(condition: Condition) -> Condition:
    """Return that a condition does not hold."""
    return not condition if isinstance(condition, bool) else filters.Not(condition)


def moment_of(value: object) -> datetime:
    """Return a moment, in UTC unless it says otherwise; raise `InvalidInput` if it is none."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None:
        raise InvalidInput(FIELD, "created_at must be compared with a moment in ISO 8601")
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
