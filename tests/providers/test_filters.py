"""Filters as a client writes them, and how they are walked."""

from typing import Any

import msgspec
import pytest
from msgspec import ValidationError

from providers.filters import And, Eq, Exists, Filter, Gt, Gte, In, Lt, Lte, Ne, Not, Or, children_of, path_of, walk

WRITTEN: list[tuple[str, Filter]] = [
    ('{"op": "eq", "field": "topic", "value": "tea"}', Eq("topic", "tea")),
    ('{"op": "eq", "field": ["who", "0"], "value": null}', Eq(["who", "0"], None)),
    ('{"op": "eq", "field": "a", "value": {"b": [1, 2.5, true]}}', Eq("a", {"b": [1, 2.5, True]})),
    ('{"op": "ne", "field": "a", "value": 1e22}', Ne("a", 1e22)),
    ('{"op": "in", "field": "a", "values": [1, "x", null]}', In("a", [1, "x", None])),
    ('{"op": "gt", "field": "a", "value": 123456789012345678901234567890}', Gt("a", 123456789012345678901234567890)),
    ('{"op": "gte", "field": "a", "value": 1.5}', Gte("a", 1.5)),
    ('{"op": "lt", "field": "a", "value": "x"}', Lt("a", "x")),
    ('{"op": "lte", "field": "", "value": 0}', Lte("", 0)),
    ('{"op": "exists", "field": "a"}', Exists("a")),
    ('{"op": "not", "that": {"op": "exists", "field": "a"}}', Not(Exists("a"))),
    ('{"op": "and", "all": [{"op": "exists", "field": "a"}]}', And([Exists("a")])),
    ('{"op": "or", "any": [{"op": "exists", "field": "a"}]}', Or([Exists("a")])),
]


@pytest.mark.parametrize(("written", "where"), WRITTEN)
def test_a_filter_is_written_in_json(written: str, where: Filter) -> None:
    """Every condition reads from JSON and writes back the same, numbers with their types."""
    read: Filter = msgspec.json.decode(written, type=Filter)

    assert read == where
    assert msgspec.json.decode(msgspec.json.encode(read), type=Filter) == where
    assert type(getattr(read, "value", None)) is type(getattr(where, "value", None))


@pytest.mark.parametrize(
    "written",
    [
        "{}",
        "[]",
        '"a"',
        '{"op": "like", "field": "a", "value": "x"}',
        '{"op": "eq", "field": "a"}',
        '{"op": "eq", "value": 1}',
        '{"op": "eq", "field": "a", "value": 1, "extra": 2}',
        '{"op": "eq", "field": 1, "value": 1}',
        '{"op": "eq", "field": [], "value": 1}',
        '{"op": "eq", "field": ["a", 0], "value": 1}',
        '{"op": "gt", "field": "a", "value": null}',
        '{"op": "gt", "field": "a", "value": true}',
        '{"op": "gt", "field": "a", "value": [1]}',
        '{"op": "in", "field": "a", "values": []}',
        '{"op": "in", "field": "a", "values": 1}',
        '{"op": "and", "all": []}',
        '{"op": "or", "any": []}',
        '{"op": "not", "that": []}',
        '{"op": "and", "any": [{"op": "exists", "field": "a"}]}',
    ],
)
def test_what_is_no_filter_is_refused(written: str) -> None:
    """Unknown operators and fields, missing parts and wrong types are refused while reading."""
    with pytest.raises(ValidationError):
        msgspec.json.decode(written, type=Filter)


@pytest.mark.parametrize(
    "written",
    [
        {"op": "in", "field": "a", "values": [0] * 101},
        {"op": "exists", "field": ["a"] * 33},
        {"op": "and", "all": [{"op": "exists", "field": "a"}] * 65},
        {"op": "or", "any": [{"op": "exists", "field": "a"}] * 65},
    ],
)
def test_a_filter_too_large_is_refused(written: dict[str, Any]) -> None:
    """Lists in a filter are bounded while reading."""
    with pytest.raises(ValidationError):
        msgspec.convert(written, type=Filter)


def test_a_plain_field_is_one_key() -> None:
    """A string is one step, dots included; a list is its steps."""
    assert path_of("a.b") == ["a.b"]
    assert path_of(["a", "b"]) == ["a", "b"]


def test_a_walk_visits_every_condition_with_its_depth() -> None:
    """The outermost condition has depth 1, and each stands before what is inside it."""
    a, b, c = Exists("a"), Eq("b", 1), Lt("c", 2)
    inner = Or([b, c])
    negation = Not(inner)
    where = And([a, negation])

    assert list(walk(where)) == [(where, 1), (a, 2), (negation, 2), (inner, 3), (b, 4), (c, 4)]


def test_only_and_or_and_not_hold_conditions() -> None:
    """A comparison has no children."""
    a, b = Exists("a"), In("b", [1])

    assert [children_of(node) for node in (And([a, b]), Or([b]), Not(a), a, b)] == [[a, b], [b], [a], [], []]
