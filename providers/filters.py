"""Conditions on a memory's metadata, as a client writes them in JSON.

A condition names a `field`: a key of the metadata, or a list of keys (and array indexes) that leads deeper.

    {"op": "eq", "field": "topic", "value": "tea"}
    {"op": "and", "all": [{"op": "gte", "field": "year", "value": 2024}, {"op": "exists", "field": ["who", "name"]}]}

`eq` and `in` compare JSON values (1 equals 1.0, true does not equal 1); `ne` is "not eq", so it also holds where the
field is absent. `gt`, `gte`, `lt`, `lte` and `between` compare numbers with numbers and strings with strings (by code
point) and never hold between other types. `prefix` holds for strings that begin so. `contains`, `contains_any` and
`contains_all` hold for lists with elements that equal a value, or one or all of several values, and for nothing else.
`exists` holds for a field that is present, even as null.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

MAX_FILTER_DEPTH = 8
MAX_CONDITIONS = 64  # on fields: what joins or negates others is bounded by these and by the depth
MAX_IN_VALUES = 100
MAX_FIELD_STEPS = 32

Scalar = str | int | float
FieldPath = str | Annotated[list[str], Meta(min_length=1, max_length=MAX_FIELD_STEPS)]


class _Node(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op"):
    """The base of all conditions: unknown fields are forbidden, and `op` is the tag."""


class Eq(_Node, frozen=True, tag="eq"):
    """The field equals `value`, any JSON value."""

    field: FieldPath
    value: Any


class Ne(_Node, frozen=True, tag="ne"):
    """The field does not equal `value`, or is absent."""

    field: FieldPath
    value: Any


class In(_Node, frozen=True, tag="in"):
    """The field equals one of `values`."""

    field: FieldPath
    values: Annotated[list[Any], Meta(min_length=1, max_length=MAX_IN_VALUES)]


class _Ordering(_Node, frozen=True):
    """The base of the conditions that compare by size."""

    field: FieldPath
    value: Scalar


class Gt(_Ordering, frozen=True, tag="gt"):
    """The field is greater than `value`."""


class Gte(_Ordering, frozen=True, tag="gte"):
    """The field is `value` or greater."""


class Lt(_Ordering, frozen=True, tag="lt"):
    """The field is less than `value`."""


class Lte(_Ordering, frozen=True, tag="lte"):
    """The field is `value` or less."""


class Between(_Node, frozen=True, tag="between"):
    """The field is `low`, `high`, or in between; the two are both numbers or both strings."""

    field: FieldPath
    low: Scalar
    high: Scalar


class Prefix(_Node, frozen=True, tag="prefix"):
    """The field is a string that begins with `value`."""

    field: FieldPath
    value: str


class Contains(_Node, frozen=True, tag="contains"):
    """The field is a list, and one of its elements equals `value`, any JSON value."""

    field: FieldPath
    value: Any


class _ContainsValues(_Node, frozen=True):
    """The base of the conditions on several elements of a list."""

    field: FieldPath
    values: Annotated[list[Any], Meta(min_length=1, max_length=MAX_IN_VALUES)]


class ContainsAny(_ContainsValues, frozen=True, tag="contains_any"):
    """The field is a list, and one of its elements equals one of `values`."""


class ContainsAll(_ContainsValues, frozen=True, tag="contains_all"):
    """The field is a list, and each of `values` equals one of its elements."""


class Exists(_Node, frozen=True, tag="exists"):
    """The field is present."""

    field: FieldPath


class And(_Node, frozen=True, tag="and"):
    """Every one of `all` holds."""

    all: Annotated[list["Filter"], Meta(min_length=1, max_length=MAX_CONDITIONS)]


class Or(_Node, frozen=True, tag="or"):
    """At least one of `any` holds."""

    any: Annotated[list["Filter"], Meta(min_length=1, max_length=MAX_CONDITIONS)]


class Not(_Node, frozen=True, tag="not"):
    """The condition `that` does not hold."""

    that: "Filter"


Comparison = Gt | Gte | Lt | Lte
OfValues = In | ContainsAny | ContainsAll
OfLists = Contains | ContainsAny | ContainsAll
Leaf = Eq | Ne | In | Gt | Gte | Lt | Lte | Between | Prefix | Contains | ContainsAny | ContainsAll | Exists
Filter = (
    Eq
    | Ne
    | In
    | Gt
    | Gte
    | Lt
    | Lte
    | Between
    | Prefix
    | Contains
    | ContainsAny
    | ContainsAll
    | Exists
    | And
    | Or
    | Not
)


def path_of(field: FieldPath) -> list[str]:
    """Return the field as a list of steps; a plain string is one key, dots included."""
    return [field] if isinstance(field, str) else field


def children_of(node: Filter) -> list[Filter]:
    """Return the conditions directly inside this one."""
    if isinstance(node, And):
        return node.all
    if isinstance(node, Or):
        return node.any
    if isinstance(node, Not):
        return [node.that]
    return []


def walk(node: Filter, depth: int = 1) -> Iterator[tuple[Filter, int]]:
    """Yield every condition with its depth, the outermost being 1."""
    yield node, depth
    for child in children_of(node):
        yield from walk(child, depth + 1)
