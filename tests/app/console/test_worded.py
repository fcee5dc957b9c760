"""Sentences of the console show what is between backticks as code, and numbers of one in the singular."""

import pytest

from app.console.worded import worded
from observability.counted import counted


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("run `ninai db start a`.", "run <code>ninai db start a</code>."),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("<b> `<i>` &", "&lt;b&gt; <code>&lt;i&gt;</code> &amp;"),
        ("one ` alone", "one ` alone"),
        ("none", "none"),
    ],
)
def test_code_is_shown_as_code(said: str, shown: str) -> None:
    """And nothing in it is markup."""
    assert str(worded(said)) == shown


@pytest.mark.parametrize(("number", "said"), [(0, "0 memories"), (1, "1 memory"), (2, "2 memories")])
def test_one_is_singular(number: int, said: str) -> None:
    """Every other number is not."""
    assert counted(number, "memory", "memories") == said
