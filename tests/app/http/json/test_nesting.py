"""What nests too deep is cut off, and nothing else is."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.json.nesting import ALLOWED_DEPTH, shallow

MANY = 100_000


def nested(levels: int, around: str = "1") -> str:
    """Lists inside each other."""
    return "[" * levels + around + "]" * levels


def depth_of(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """How many levels a value has."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@pytest.mark.parametrize("levels", [0, 1, ALLOWED_DEPTH, ALLOWED_DEPTH + 1])
def test_what_may_be_stays(levels: int) -> None:
    """Everything that is allowed stays as it is, and one level more."""
    text = nested(levels).encode()

    assert shallow(text, MANY) is text


@pytest.mark.parametrize("levels", [ALLOWED_DEPTH + 2, 5_000])
def test_what_is_deeper_goes(levels: int) -> None:
    """What is left is as long, and still deeper than is allowed."""
    text = nested(levels).encode()

    left = shallow(text, MANY)

    assert len(left) == len(text)
    assert depth_of(json.loads(left)) == ALLOWED_DEPTH + 1


@given(
    st.lists(
        st.one_of(
            st.integers(0, 200).map(nested),
            st.sampled_from(['"["', '"\\"]"', '"\\\\"', '{"a":[]}', "0", '{"]":"}"}']),
        ),
        min_size=1,
    )
)
def test_the_neighbours_stay(items: list[str]) -> None:
    """Beside what is cut off everything is where and what it was."""
    text = ("[" + ",".join(items) + "]").encode()

    left = msgspec.json.decode(shallow(text, MANY), type=list[msgspec.Raw])

    for item, kept in zip(items, left, strict=True):
        if depth_of(json.loads(item)) <= ALLOWED_DEPTH:
            assert bytes(kept) == item.encode()
        else:
            assert depth_of(json.loads(bytes(kept))) == ALLOWED_DEPTH


@pytest.mark.parametrize("text", [b'["', b"]]]", b'{"a":"\\', b"[" * 500, b"\xff[", b""])
def test_what_is_no_json_is_none_afterwards(text: bytes) -> None:
    """Nothing is made good by it."""
    assert shallow(text, MANY) == text


def test_only_so_many_are_looked_at() -> None:
    """With one bracket more than that nothing is done."""
    text = nested(ALLOWED_DEPTH + 2).encode()
    brackets = 2 * (ALLOWED_DEPTH + 2)

    assert shallow(text, brackets) != text
    assert shallow(text, brackets - 1) == text
