"""Filters evaluated in memory, where the contract of all providers does not reach."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.filters import Eq, Exists, Gt, Lt
from providers.search.filter_match import equal, matches

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner), max_leaves=8)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (False, 0.0, False),
        (0.0, -0.0, True),
        (1e23, 10**23, True),
        (0.1, 0.1, True),
        (2**53, 2**53 + 1, False),
        (float(2**53), 2**53 + 1, False),
        (None, 0, False),
        ("1", 1, False),
        ([1, True], [1.0, True], True),
        ([1], [True], False),
        ([1, 2], [1], False),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": None}, {}, False),
        ({}, [], False),
    ],
)
def test_values_are_equal_as_json(left: object, right: object, same: bool) -> None:  # noqa: FBT001 - the expected answer
    """Numbers compare by value, everything else by type too, and either way round."""
    assert (equal(left, right), equal(right, left)) == (same, same)


@given(values)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_value_equals_itself(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Every JSON value equals itself."""
    assert equal(value, value)


@given(st.integers() | st.floats(allow_nan=False), st.integers() | st.floats(allow_nan=False))
def test_numbers_are_ordered_one_way(left: float, right: float) -> None:
    """Of two numbers exactly one holds: less, equal or greater."""
    metadata = {"x": left}

    held = [matches(Lt("x", right), metadata), matches(Eq("x", right), metadata), matches(Gt("x", right), metadata)]
    assert held.count(True) == 1


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("0", True),
        ("00", True),
        ("+1", True),
        ("-2", True),
        ("-0", True),
        (" 1", True),
        ("\t-1", True),
        ("1 ", False),
        ("- 1", False),
        ("--1", False),
        ("0x1", False),
        ("1e0", False),
        ("1_0", False),
        ("", False),
        ("-", False),
        ("2", False),
        ("-3", False),
        ("0" * 10_000 + "1", True),
        (" " * 10_000 + "1", True),
        ("0" * 10_000 + "2", False),
        ("0" * 10_000 + "x", False),
        ("9" * 10_000, False),
        ("\u0661", False),
        ("\u00a01", False),
    ],
)
def test_a_step_into_a_list_is_read_as_postgresql_does(step: str, found: bool) -> None:  # noqa: FBT001 - as above
    """An index may have blanks before it, a sign and leading zeros, and nothing else."""
    assert matches(Exists(["list", step]), {"list": ["a", None]}) is found
