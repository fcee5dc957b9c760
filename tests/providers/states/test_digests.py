"""Equal memories have equal digests, and different ones do not."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.owners import Owner
from providers.states.digests import change_digest_of, digest_of
from providers.types import Edit

SAME: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = [
    (None, None),
    ({}, {}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"a": {"x": 1, "y": [1]}}, {"a": {"y": [1], "x": 1}}),
    ({"a": 1}, {"a": 1.0}),
    ({"a": 0}, {"a": -0.0}),
    ({"a": [1, {"b": 2.0}]}, {"a": [1.0, {"b": 2}]}),
    ({"a": 1e22}, {"a": 10**22}),
    ({"a": 1e23}, {"a": 10**23}),
]

DIFFERENT: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = [
    (None, {}),
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": True}),
    ({"a": 0}, {"a": False}),
    ({"a": 0}, {"a": None}),
    ({"a": None}, {}),
    ({"a": "1"}, {"a": 1}),
    ({"a": []}, {"a": {}}),
    ({"a": [1, 2]}, {"a": [2, 1]}),
    ({"a": 2**53}, {"a": 2**53 + 1}),
    ({"a": 2**64}, {"a": 2**64 + 1}),
    ({"a": 0.1}, {"a": 0.10000000000000002}),
    ({"a": "e\u0301"}, {"a": "\u00e9"}),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_equal_metadata_has_one_digest(left: dict[str, Any] | None, right: dict[str, Any] | None) -> None:
    """Key order and the spelling of a number make no difference."""
    assert digest_of("tea", left) == digest_of("tea", right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different_metadata_has_two(left: dict[str, Any] | None, right: dict[str, Any] | None) -> None:
    """Whatever differs as JSON differs in the digest."""
    assert digest_of("tea", left) != digest_of("tea", right)


@given(st.floats(allow_nan=False, allow_infinity=False).map(float.__trunc__).map(float))
@example(float(2**53))
@example(1e16)
@example(1.5e300)
@example(-1e308)
def test_a_whole_number_has_one_digest(number: float) -> None:
    """However it is written; with an exponent it is what its digits say, not the binary number near it."""
    assert digest_of("tea", {"a": number}) == digest_of("tea", {"a": int(Decimal(repr(number)))})


def test_content_counts() -> None:
    """Another text is another memory, to the last space and the last combining mark."""
    texts = ["tea", "tea ", "Tea", "te\u0301a", "t\u00e9a", '","tea', "null"]

    assert len({digest_of(text, None) for text in texts}) == len(texts)
    assert digest_of('tea",{"a":1}', None) != digest_of("tea", {"a": 1})


def test_a_digest_stays_the_same() -> None:
    """Digests are stored, so that of one memory is the same in every version."""
    assert digest_of("tea", {"b": [1, None], "a": 1.5}).hex() == "fe6e4ac8905f7de6fea5360df40d0513"


def test_what_a_change_leaves_out_is_not_what_it_takes_away() -> None:
    """Each kind of change has a digest of its own, the same however it is written."""
    changes = [
        _edit(content="tea"),
        _edit(content="tea", metadata=None),
        _edit(content="tea", metadata={}),
        _edit(content="tea", metadata={"a": 1}),
        _edit(metadata={"a": 1}),
        _edit(metadata=None),
        _edit(),
        _edit(session="a"),
        _edit(session=None),
        _edit(speaker="a"),
        _edit(content="tea", speaker="a"),
    ]

    assert len({change_digest_of(change) for change in changes}) == len(changes)
    same = [_edit(content="tea", metadata=metadata) for metadata in ({"a": 1, "b": 2}, {"b": 2.0, "a": 1})]
    assert change_digest_of(same[0]) == change_digest_of(same[1])


def test_the_digest_of_a_change_stays_the_same() -> None:
    """It is stored as a part of an edit's id."""
    assert change_digest_of(_edit(content="tea", metadata={"b": [1, None], "a": 1.5})).hex() == "322ffa7b"


def _edit(**changes: Any) -> Edit:  # noqa: ANN401 - what an edit changes
    return Edit(owner=Owner("ann"), memory_id="m", **changes)
