"""SQL in the driver's own form, which nothing parses again on its way to the server.

SQLAlchemy's `text()` takes milliseconds for a statement with a hundred values, whenever its text is a new one.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

_CUSTOM_PLAN = "SET LOCAL plan_cache_mode = force_custom_plan"
_BITMAP_SCAN = "SET LOCAL enable_indexscan = off"


class BoundSql(Struct, frozen=True):
    """A statement of fixed fragments, with $1, $2, ... for its values.

    It is `planned_by_values` where they decide which index is the best one. It reads `in_page_order` where its rows lie
    scattered on the disk: the index is read before the table, so that the server knows which pages to read ahead.
    Either costs two more messages.
    """

    text: str
    values: tuple[Any, ...]
    planned_by_values: bool = False
    in_page_order: bool = False

    @property
    def settings(self) -> tuple[str, ...]:
        """What is set for this statement alone, in a transaction of its own."""
        wanted = ((self.planned_by_values, _CUSTOM_PLAN), (self.in_page_order, _BITMAP_SCAN))
        return tuple(setting for is_wanted, setting in wanted if is_wanted)


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
