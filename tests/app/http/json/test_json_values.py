"""Values of JSON text are counted without being made."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.json.body import decode
from app.http.json.sizes import MAX_FIELD_VALUES
from app.http.json.structure import WINDOW_BYTES
from app.http.json.values import values_in
from app.http.problems import RequestError
from app.http.remember_schemas import RememberRequest
from providers.errors import InvalidInput
from providers.limits import MAX_CONTENT_CHARS

VALUES = st.recursive(
    st.one_of(st.text(st.sampled_from('a,[{"\\}]é'), max_size=5), st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=20,
)


MANY = 1_000_000


def count(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """How many values there are in lists and objects, and how many empty ones of these, which hold none."""
    if isinstance(value, dict):
        value = list(value.values())
    return sum(1 + count(child) for child in value) + (not value) if isinstance(value, list) else 0


def containers(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """How many lists and objects there are."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(containers, value)) if isinstance(value, list) else 0


@given(VALUES)
def test_every_value_is_counted(value: object) -> None:
    """Each once, whatever is in texts."""
    text = json.dumps(value, ensure_ascii=False).encode()

    assert values_in(text, MANY) == count(value)


@pytest.mark.parametrize("beyond", range(-6, 7))
@pytest.mark.parametrize("piece", ['a,[{"', "a,\\\\", "é,[\\"])
def test_values_are_counted_across_windows(piece: str, beyond: int) -> None:
    """Nothing is lost or counted twice where one ends, be it in a string, or behind the backslash of an escape."""
    text = b"[" + b" " * (WINDOW_BYTES - 8 + beyond) + json.dumps([piece] * 20_000).encode() + b"]"

    assert values_in(text, MANY) == 20_001


def test_no_more_is_counted_than_is_asked_for() -> None:
    """The rest of the text is left unread."""
    assert 100 < values_in(b"[" + b"0," * 10 * WINDOW_BYTES + b"0]", 100) <= WINDOW_BYTES


@pytest.mark.parametrize("text", [b'[1,2,"3,4', b'"', b'[1,2,"\\"'])
def test_there_need_be_no_end(text: bytes) -> None:
    """Of a string without an end nothing is counted."""
    assert values_in(text, MANY) <= 3


def sent(values: int, commas: int) -> bytes:
    """A memory with so many values, all but two of them in a list, and so many commas in its text."""
    return b'{"content":"' + b"," * commas + b'","metadata":{"a":[' + b",".join([b"0"] * values) + b"]}}"


def test_a_field_may_hold_so_many_values() -> None:
    """Metadata of too many are decoded only where the whole body is small; what is wrong with it is said."""
    field = MAX_FIELD_VALUES - 1  # the list is one of them
    largest = sent(field, MAX_CONTENT_CHARS)
    larger = sent(field + 1, MAX_CONTENT_CHARS)

    assert len(decode(largest, RememberRequest).metadata["a"]) == field  # type: ignore[index] # it was given
    with pytest.raises(InvalidInput, match=f"metadata: must hold at most {MAX_FIELD_VALUES} JSON values"):
        decode(larger, RememberRequest)
    assert len(decode(sent(field + 1, 1), RememberRequest).metadata["a"]) == field + 1  # type: ignore[index] # as above


def test_the_same_is_said_of_json_and_of_none() -> None:
    """A body of many values that is no JSON, or no object, is told so."""
    many = b"0," * (2 * MAX_FIELD_VALUES + MAX_CONTENT_CHARS)

    with pytest.raises(InvalidInput, match="body: expected object, got array"):
        decode(b"[" + many + b"0]", RememberRequest)
    with pytest.raises(RequestError, match="The body is not JSON: JSON is malformed: trailing comma"):
        decode(b'{"content":"tea","metadata":{"a":[' + many + b"]}}", RememberRequest)
