"""The items of a list are cut out of JSON exactly where they begin and end, in every window of the text."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.json.lists import FoundList, first_list
from app.http.json.structure import WINDOW_BYTES
from app.http.json.values import values_in
from providers.timing.turns import Turns

VALUES = st.recursive(
    st.one_of(st.text(st.sampled_from('a,[{"\\}]é'), max_size=5), st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=20,
)


def cut(text: bytes, most: int = 1_000) -> FoundList | None:
    """The first list of a text."""
    return asyncio.run(first_list(text, most, Turns()))


def items(text: bytes) -> list[Any]:
    """The items of the first list of a text."""
    found = cut(text)
    assert found is not None
    return [json.loads(text[one.begin : one.end]) for one in found.cuts]


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_every_item_is_cut_out(values: list[Any]) -> None:
    """With as many values as there are in it, whatever its strings hold."""
    text = json.dumps({"items": values, "x": [1, 2]}).encode()

    found = cut(text)

    assert found is not None
    assert items(text) == values
    assert text[: found.begin] == b'{"items": '
    assert found.end is not None
    assert text[found.end :] == b'], "x": [1, 2]}'
    assert [one.values for one in found.cuts] == [values_in(text[one.begin : one.end], 1_000) for one in found.cuts]


@pytest.mark.parametrize("beyond", range(-9, 3))
def test_items_are_cut_across_windows(beyond: int) -> None:
    """A window may end anywhere in an item: in a string, behind a backslash, before a comma."""
    values = ["x" * (WINDOW_BYTES - 20 + beyond), 'a"\\,]', {"b": ["\\\\", 1]}, "y" * 3 * WINDOW_BYTES, [], 7]

    assert items(json.dumps({"items": values}).encode()) == values


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"a": 1}', b'"[[["', b'{"a": "[["}', b"[1, 2]"])
def test_there_may_be_no_list_in_an_object(text: bytes) -> None:
    """Then none is found."""
    assert cut(text) is None


def test_no_more_is_cut_than_is_wanted() -> None:
    """One more shows that there are too many, and the rest is left unread."""
    found = cut(b'{"items": [' + b"1," * 500_000 + b"1]}", most=3)

    assert found is not None
    assert (len(found.cuts), found.end) == (4, None)


def test_a_list_may_have_no_end() -> None:
    """What is not JSON is cut as far as it goes."""
    found = cut(b'{"items": [1, 2')

    assert found is not None
    assert (len(found.cuts), found.end) == (1, None)


def test_only_items_in_deep_parts_are_deep() -> None:
    """They are looked at once more; the others are not."""
    deep = b"[" * 200 + b"]" * 200
    blanks = b" " * WINDOW_BYTES

    found = cut(b'{"items": [1' + blanks + b"," + blanks + deep + blanks + b"," + blanks + b"2]}")

    assert found is not None
    assert [one.deep for one in found.cuts] == [False, True, False]
