"""Conditions on metadata in SQL: fixed fragments and bound values."""

from collections.abc import Callable
from typing import Any

import msgspec

from providers.filters import (
    And,
    Between,
    Contains,
    ContainsAll,
    ContainsAny,
    Eq,
    Exists,
    FieldPath,
    Filter,
    In,
    Ne,
    Not,
    Or,
    Prefix,
    Scalar,
    path_of,
)

_OPERATORS = {"Gt": ">", "Gte": ">=", "Lt": "<", "Lte": "<="}


Bind = Callable[[Any, str], str]


def filter_sql(where: Filter, bind: Bind) -> str:
    """Return a filter as an SQL expression over the column `metadata`, never NULL.

    `bind` takes a value and its type in SQL, and returns what stands for it. Filters that differ in their values alone
    are one text.
    """
    return _Renderer(bind).render(where)


class _Renderer:
    """Render one condition after another, with the values in the order in which they stand in the text."""

    def __init__(self, bind: Bind) -> None:
        self._bind = bind

    def render(self, node: Filter) -> str:  # noqa: C901, PLR0911, PLR0912 - one per kind of condition
        match node:
            case And():
                return self._join(" AND ", node.all)
            case Or():
                return self._join(" OR ", node.any)
            case Not():
                return f"NOT {self.render(node.that)}"
            case Exists():
                return f"({self._field(node.field)} IS NOT NULL)"
            case Eq():
                return self._equals(node.field, node.value)
            case Ne():
                return f"NOT {self._equals(node.field, node.value)}"
            case In():
                return self._equals_one(node.field, node.values)
            case Prefix():
                return self._begins(node.field, node.value)
            case Between():
                low, high = (self._compare(node.field, *one) for one in ((">=", node.low), ("<=", node.high)))
                return f"({low} AND {high})"
            case Contains():
                return self._contains(node.field, [node.value], self._has_one)
            case ContainsAny():
                return self._contains(node.field, node.values, self._has_one)
            case ContainsAll():
                return self._contains(node.field, node.values, self._has_all)
            case _:
                return self._compare(node.field, _OPERATORS[type(node).__name__], node.value)

    def _join(self, operator: str, nodes: list[Filter]) -> str:
        return "(" + operator.join(self.render(node) for node in nodes) + ")"

    def _equals(self, field: FieldPath, value: Any) -> str:  # noqa: ANN401 - any JSON value
        return f"coalesce({self._field(field)} = {self._bind_json(value)}, false)"

    def _equals_one(self, field: FieldPath, values: list[Any]) -> str:
        found, sought = self._field(field), self._bind([json_of(value) for value in values], "jsonb[]")
        return f"coalesce({found} = ANY ({sought}), false)"

    def _compare(self, field: FieldPath, operator: str, value: Scalar) -> str:
        found = self._field(field)
        if isinstance(value, str):
            # By code point, as everywhere else; jsonb itself compares strings in the database's collation.
            test = f"({found} #>> '{{}}') COLLATE \"C\" {operator} {self._bind(value, 'text')}"
            return f"coalesce(jsonb_typeof({found}) = 'string' AND {test}, false)"
        test = f"{found} {operator} {self._bind_json(value)}"
        return f"coalesce(jsonb_typeof({found}) = 'number' AND {test}, false)"

    def _begins(self, field: FieldPath, prefix: str) -> str:
        found = self._field(field)
        test = f"starts_with({found} #>> '{{}}', {self._bind(prefix, 'text')})"
        return f"coalesce(jsonb_typeof({found}) = 'string' AND {test}, false)"

    def _contains(self, field: FieldPath, values: list[Any], test: Callable[[str, str], str]) -> str:
        """Test the elements of a list: not with jsonb's own `@>`, to which a part of an element is the element."""
        found, sought = self._field(field), self._bind([json_of(value) for value in values], "jsonb[]")
        # Within CASE, since taking the elements of anything else is an error.
        return f"CASE WHEN jsonb_typeof({found}) = 'array' THEN {test(found, sought)} ELSE false END"

    def _has_one(self, found: str, sought: str) -> str:
        return f"EXISTS (SELECT FROM jsonb_array_elements({found}) AS one (element) WHERE element = ANY ({sought}))"

    def _has_all(self, found: str, sought: str) -> str:
        there = f"SELECT FROM jsonb_array_elements({found}) AS one (element) WHERE element = value"
        return f"NOT EXISTS (SELECT FROM unnest({sought}) AS each (value) WHERE NOT EXISTS ({there}))"

    def _field(self, field: FieldPath) -> str:
        return f"(metadata #> {self._bind(path_of(field), 'text[]')})"

    def _bind_json(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        return self._bind(json_of(value), "jsonb")


def json_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the text of a JSON value, as it is bound."""
    return msgspec.json.encode(value).decode()
