"""A secret shows itself only when asked."""

import copy
import json
import pickle
from traceback import format_exception

import msgspec
import pytest

from observability.secret import MASK, Secret

VALUE = "hunter2-not-to-be-seen"


def test_a_secret_reveals_itself_when_asked() -> None:
    """`reveal` gives the very string."""
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize("form", ["{}", "{!s}", "{!r}", "{!a}", "{:}"])
def test_printing_shows_a_mask(form: str) -> None:
    """However it is printed, a mask of fixed length is all there is to see."""
    assert form.format(Secret(VALUE)) == MASK


def test_what_holds_a_secret_shows_a_mask() -> None:
    """A secret inside something else does not show either."""

    class Holder(msgspec.Struct):
        secret: Secret

    assert VALUE not in repr([Secret(VALUE), {"a": Secret(VALUE)}, Holder(Secret(VALUE))])
    assert VALUE not in f"{Secret(VALUE)!r:>40}"


def test_an_error_about_a_secret_shows_a_mask() -> None:
    """An error that holds a secret can be printed."""
    assert VALUE not in "".join(format_exception(ValueError(Secret(VALUE))))


def test_a_secret_is_equal_to_the_same_secret_alone() -> None:
    """Two secrets are equal when their strings are, and none is equal to a string."""
    assert Secret(VALUE) == Secret(VALUE)
    assert len({Secret(VALUE), Secret(VALUE)}) == 1
    assert Secret(VALUE) != Secret("another")
    assert Secret(VALUE) != VALUE


def test_a_secret_does_not_travel() -> None:
    """Nothing that writes objects out writes a secret."""
    secret = Secret(VALUE)

    for write in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode, vars):
        with pytest.raises(TypeError) as caught:
            write(secret)
        assert VALUE not in str(caught.value)
