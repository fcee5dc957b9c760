"""Conditions on metadata in SQL: fixed fragments and bound values."""

from collections.abc import Callable
from typing import Any

import msgspec

from providers.filters import And, Comparison, Eq, Exists, FieldPath, Filter, In, Ne, Not, Or, path_of

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

    def render(self, node: Filter) -> str:  # noqa: PLR0911 - one per kind of condition
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
            case _:
                return self._compare(node)

    def _join(self, operator: str, nodes: list[Filter]) -> str:
        return "(" + operator.join(self.render(node) for node in nodes) + ")"

    def _equals(self, field: FieldPath, value: Any) -> str:  # noqa: ANN401 - any JSON value
        return f"coalesce({self._field(field)} = {self._bind_json(value)}, false)"

    def _equals_one(self, field: FieldPath, values: list[Any]) -> str:
        found, sought = self._field(field), self._bind([_json(value) for value in values], "jsonb[]")
        return f"coalesce({found} = ANY ({sought}), false)"

    def _compare(self, node: Comparison) -> str:
        found, operator = self._field(node.field), _OPERATORS[type(node).__name__]
        if isinstance(node.value, str):
            # By code point, as everywhere else; jsonb itself compares strings in the database's collation.
            test = f"({found} #>> '{{}}') COLLATE \"C\" {operator} {self._bind(node.value, 'text')}"
            return f"coalesce(jsonb_typeof({found}) = 'string' AND {test}, false)"
        test = f"{found} {operator} {self._bind_json(node.value)}"
        return f"coalesce(jsonb_typeof({found}) = 'number' AND {test}, false)"

    def _field(self, field: FieldPath) -> str:
        return f"(metadata #> {self._bind(path_of(field), 'text[]')})"

    def _bind_json(self, value: Any) -> str:  # noqa: ANN401 - any JSON value
        return self._bind(_json(value), "jsonb")


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return msgspec.json.encode(value).decode()
