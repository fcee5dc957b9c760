"""What the metadata of every memory that meets a condition contains, so that an index can find them.

The conditions themselves compare exactly; jsonb's containment is weaker, and an index on it (`jsonb_path_ops`) leads
to all memories that may meet them. It costs nothing where it does not help: the planner decides.
"""

from typing import Any

from providers.filters import And, Contains, ContainsAll, Eq, FieldPath, Filter, path_of
from providers.search.filter_match import leads_into_lists


def contained_in(where: Filter | None) -> list[dict[str, Any]]:
    """Return objects that are all contained in the metadata of every memory that meets a condition."""
    match where:
        case And():
            return [one for node in where.all for one in contained_in(node)]
        case Eq():
            return _within(where.field, where.value)
        case Contains():
            return _within(where.field, [where.value])
        case ContainsAll():
            return _within(where.field, where.values)
        case _:
            return []


def _within(field: FieldPath, value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    steps = path_of(field)
    if any(map(leads_into_lists, steps)):  # then what stands there need not be an object
        return []
    for step in reversed(steps):
        value = {step: value}
    return [value]
