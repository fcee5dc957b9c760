"""Conditions on one field, each made once per question into a function that judges all values of the field at once.

They mean what `filter_match.holds` does, value by value: numbers and strings are compared in bulk, others by it.
"""

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any

from providers import filters
from providers.search.field_columns import EXACT, FieldColumn, Mask, Numbers
from providers.search.filter_match import holds

LeafTest = Callable[[FieldColumn], Mask]

_OPERATORS: dict[type[filters.Comparison], Callable[[Any, Any], Any]] = {
    filters.Gt: gt,
    filters.Gte: ge,
    filters.Lt: lt,
    filters.Lte: le,
}


def leaf_test(leaf: filters.Leaf) -> LeafTest:  # noqa: PLR0911 - one per kind
    """Return the function that tells, by the codes of a column, which values meet a condition."""
    match leaf:
        case filters.Exists():
            return _is_there
        case filters.Ne():
            equal = _equals(leaf.value)
            return lambda column: ~equal(column)
        case filters.Eq():
            return _equals(leaf.value)
        case filters.In():
            return _any_of([_equals(value) for value in leaf.values])
        case filters.Prefix():
            prefix = leaf.value
            return lambda column: _strings(column, lambda text: text.startswith(prefix))
        case filters.Between():
            above, below = _compares(filters.Gte, leaf.field, leaf.low), _compares(filters.Lte, leaf.field, leaf.high)
            return lambda column: above(column) & below(column)
        case filters.Contains() | filters.ContainsAny() | filters.ContainsAll():
            return lambda column: _others(column, leaf)
        case _:
            return _compares(type(leaf), leaf.field, leaf.value)


def _is_there(column: FieldColumn) -> Mask:
    met = ~column.none()
    met[0] = False
    return met


def _any_of(tests: list[LeafTest]) -> LeafTest:
    def test(column: FieldColumn) -> Mask:
        met = column.none()
        for one in tests:
            met |= one(column)
        return met

    return test


def _equals(value: Any) -> LeafTest:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return lambda column: _the_string(column, value)
    leaf = filters.Eq("", value)
    if not _is_number(value):
        return lambda column: _others(column, leaf)
    return lambda column: _numbers(column, leaf, value, lambda numbers, other: numbers == other)


def _compares(kind: type[filters.Comparison], field: filters.FieldPath, value: filters.Scalar) -> LeafTest:
    operator = _OPERATORS[kind]
    if isinstance(value, str):
        return lambda column: _strings(column, lambda text: bool(operator(text, value)))
    leaf = kind(field, value)
    return lambda column: _numbers(column, leaf, value, operator)


def _the_string(column: FieldColumn, value: str) -> Mask:
    met = column.none()
    code = column.strings.get(value)
    if code is not None:
        met[code] = True
    return met


def _strings(column: FieldColumn, test: Callable[[str], bool]) -> Mask:
    met = column.none()
    column.set_strings(met, test)
    return met


def _others(column: FieldColumn, leaf: filters.Leaf) -> Mask:
    met = column.none()
    column.set_others(met, lambda value: holds(leaf, value))
    return met


def _numbers(column: FieldColumn, leaf: filters.Leaf, value: float, operator: Callable[[Numbers, float], Mask]) -> Mask:
    """Compare binary numbers, which stand for themselves: a longer integer than they hold is compared digit by digit.

    A float is compared with an integer by its shortest digits. For integers that a float holds exactly that is the
    same, because rounding keeps the order.
    """
    met = _others(column, leaf)
    if isinstance(value, int) and not -EXACT <= value <= EXACT:
        column.set_each_number(met, lambda number: holds(leaf, number))
    else:
        column.set_numbers(met, lambda numbers: operator(numbers, float(value)))
    return met


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, int | float) and not isinstance(value, bool)
