"""SQL in the driver's own form, which nothing parses again on its way to the server.

SQLAlchemy's `text()` takes milliseconds for a statement with a hundred values, whenever its text is a new one.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct


class BoundSql(Struct, frozen=True):
    """A statement of fixed fragments, with $1, $2, ... for its values.

    It is `planned_by_values` where they decide which index is the best one: that costs two more messages.
    """

    text: str
    values: tuple[Any, ...]
    planned_by_values: bool = False


class Binding:
    """The values of a statement while its text is put together; the first ones may be numbered beforehand."""

    def __init__(self, first: Iterable[Any] = ()) -> None:
        self._values = list(first)

    def bind(self, value: Any, sql_type: str) -> str:  # noqa: ANN401 - whatever the type takes
        """Take one more value, and return what stands for it in the text."""
        self._values.append(value)
        return f"CAST(${len(self._values)} AS {sql_type})"

    def of(self, text: str, *, planned_by_values: bool = False) -> BoundSql:
        """Return the statement of a finished text."""
        return BoundSql(text, tuple(self._values), planned_by_values)
