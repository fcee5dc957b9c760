"""Half characters are found in the bytes of JSON exactly where Python's own reader finds them in the values."""

import json
import re
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.http.json.place import MOST_CHARS, MOST_TOKENS, place_in
from app.http.json.surrogates import WithoutEscapes, lone_surrogate

# Pieces of a string between its quotes, chosen so that halves meet whole ones, and backslashes meet both.
PIECES = st.one_of(
    st.sampled_from(
        ["\\\\", '\\"', "\\/", "\\n", "u", "d800", "\\u0041", "\\u005c", "\\uD83D\\uDE42", "\\ud83d\\ude42", "é", "🙂"]
    ),
    st.builds(
        lambda code, upper: f"\\u{code:04X}" if upper else f"\\u{code:04x}",
        st.integers(0xD700, 0xE0FF),
        st.booleans(),
    ),
    st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cs"], min_codepoint=32), max_size=3),
)
STRINGS = st.lists(PIECES, max_size=8).map(lambda pieces: '"' + "".join(pieces) + '"')
SCALARS = st.one_of(STRINGS, st.sampled_from(["0", "-1.5e3", "true", "null", "[]", "{}"]))
TEXTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + " , ".join(items) + "]"),
        st.lists(st.tuples(STRINGS, inner), max_size=4).map(
            lambda items: "{" + ",".join(f"{key} :{value}" for key, value in items) + "}"
        ),
    ),
    max_leaves=12,
)
SURROGATE = re.compile("[\ud800-\udfff]")


def strings_in(value: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """Every string of a value, keys too; an object is the list of its fields here, in which none hides another."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)):
        return [string for child in value for string in strings_in(child)]
    return []


def has_half(text: str) -> bool:
    """Whether Python's own reader finds half a character."""
    return any(SURROGATE.search(string) for string in strings_in(json.loads(text, object_pairs_hook=list)))


@given(TEXTS)
@example('"\\ud800"')
@example('"\\\\ud800"')
@example('"\\\\\\ud800"')
@example('"\\ud83d\\ude42"')
@example('"\\uD83D\\uDe42"')
@example('"\\ude42\\ud83d"')
@example('"\\ud83d\\ud83d\\ude42"')
@example('"\\ud83d\\\\ude42"')
@example('"\\ud83d"')
@example('{"\\udfff":1}')
@example('{"a":"\\ud800","a":1}')
@example('["\\ud83d","\\ude42"]')
@pytest.mark.thorough
def test_a_half_is_found_where_there_is_one(text: str) -> None:
    """There is half a character in the bytes if and only if there is one in a string, a key or a value."""
    assert (lone_surrogate(text.encode()) is not None) == has_half(text)


@given(TEXTS)
def test_the_first_half_is_found(text: str) -> None:
    """It begins where it is said to, and with it mended there is none before the next."""
    body = text.encode()
    places: list[int] = []
    while (place := lone_surrogate(body)) is not None:
        assert re.match(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", body[place:])
        assert not places or place > places[-1]
        places.append(place)
        body = body[:place] + b"\\u0041" + body[place + 6 :]
    assert not has_half(body.decode())


@given(TEXTS)
def test_what_is_hidden_is_shown_as_it_was(text: str) -> None:
    """Nothing is lost, no escape is left that could be half of a character, and the shape is the same."""
    hidden = WithoutEscapes(text.encode())

    assert hidden.restored(hidden.text) == text.encode()
    assert b"\\u" not in hidden.text
    assert len(hidden.text) == len(text.encode())
    msgspec.json.decode(hidden.text, type=msgspec.Raw)


@given(TEXTS, st.binary(max_size=20))
@pytest.mark.thorough
def test_bytes_that_are_no_text_are_hidden_too(text: str, noise: bytes) -> None:
    """Whatever else is in the body, it is restored as it was."""
    body = text.encode() + noise
    hidden = WithoutEscapes(body)

    assert hidden.restored(hidden.text) == body


def test_there_may_be_nothing_to_hide_with() -> None:
    """A body with every byte in it is left as it is."""
    body = bytes(range(256)) + b"\\ud800"

    assert (WithoutEscapes(body).text, WithoutEscapes(body).restored(body)) == (body, body)


@pytest.mark.parametrize("piece", [b"a", b"\\n", b"\\\\", b"\\u0041", b"\\ud83d\\ude42", "🙂".encode()])
def test_looking_takes_no_memory(piece: bytes) -> None:
    """A mebibyte is looked through to its end without as much as a page for it."""
    text = b'"' + piece * (2**20 // len(piece)) + b'\\ud800"'
    tracemalloc.start()

    place = lone_surrogate(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert place == len(text) - 7
    assert peak < 4_096


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b'"X"', ""),
        (b'["X"]', "[0]"),
        (b'[1,[],{},"a",[ "b" , "X"]]', "[4][1]"),
        (b'{"a":{"b":1,"c":[{"d":"X"}]}}', ".a.c[0].d"),
        (b'{"a":{"b":1,"X":2}}', ".a"),
        (b'{"a":1,"X":2}', ""),
        (b'{"a":"[]{}\\"","b":"X"}', ".b"),
        (b'{"\\u0061\\"":"X"}', '.a"'),
        (b'{"\xff":"X"}', ".\ufffd"),
        (b"[" + b"0," * (MOST_TOKENS - 3) + b'"X"]', f"[{MOST_TOKENS - 3}]"),
    ],
)
def test_a_place_is_named(value: bytes, place: str) -> None:
    """The way from the outermost value leads over keys and indexes; to a key it ends at what holds it."""
    assert place_in(value, value.index(b"X")) == place


def test_a_place_far_inside_is_not_looked_for() -> None:
    """So many tokens are looked at and no more."""
    value = b"[" + b"0," * MOST_TOKENS + b'"X"]'

    assert place_in(value, value.index(b"X")) is None


def test_a_long_way_is_cut_short() -> None:
    """However long the keys are, the place ends with the first that is too much."""
    value = b'{"' + b"k" * MOST_CHARS + b'":{"' + b"k" * MOST_CHARS + b'":"X"}}'

    assert place_in(value, value.index(b"X")) == "." + "k" * MOST_CHARS
