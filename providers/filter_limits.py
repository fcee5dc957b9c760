"""The limits on conditions on metadata, and their check."""

from providers import filters
from providers.errors import InvalidInput
from providers.json_limits import check_json, check_storable


def check_filter(where: filters.Filter) -> None:
    """Refuse a filter that nests too deep, is too large, or compares with what no store can hold."""
    seen = count = 0
    for node, depth in filters.walk(where):
        if depth > filters.MAX_FILTER_DEPTH:
            raise InvalidInput("where", f"must be at most {filters.MAX_FILTER_DEPTH} levels deep")
        if isinstance(node, (filters.And, filters.Or, filters.Not)):
            if not filters.children_of(node):
                raise InvalidInput("where", "must hold at least one condition in each 'and' and 'or'")
            continue
        count += 1
        if count > filters.MAX_CONDITIONS:
            raise InvalidInput("where", f"must hold at most {filters.MAX_CONDITIONS} conditions")
        seen = _check_condition(node, seen)


def _check_condition(node: filters.Leaf, seen: int) -> int:
    """Check a condition; `seen` and what is given back are the values of all conditions so far."""
    steps = filters.path_of(node.field)
    if not 1 <= len(steps) <= filters.MAX_FIELD_STEPS:
        raise InvalidInput("where", f"must name fields by 1 to {filters.MAX_FIELD_STEPS} steps")
    for step in steps:
        check_storable("where", step)
    if isinstance(node, filters.Exists):
        return seen
    if isinstance(node, filters.OfValues):
        if not 1 <= len(node.values) <= filters.MAX_IN_VALUES:
            op = node.__struct_config__.tag
            raise InvalidInput("where", f"must hold 1 to {filters.MAX_IN_VALUES} values in each '{op}'")
        for value in node.values:
            seen = check_json("where", value, seen)
        return seen
    if isinstance(node, filters.Between):
        _check_comparable(node.low, node.high)
        return check_json("where", node.high, check_json("where", node.low, seen))
    if isinstance(node, filters.Comparison):
        _check_comparable(node.value)
    return check_json("where", node.value, seen)


def _check_comparable(*bounds: filters.Scalar) -> None:
    if any(isinstance(bound, bool) for bound in bounds):
        raise InvalidInput("where", "must compare with a string or a number")
    if len({isinstance(bound, str) for bound in bounds}) > 1:
        raise InvalidInput("where", "must have two numbers or two strings in each 'between'")
