"""Folding: the many written forms of one word become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.text.folding import MOST_MARKS, fold, stream_safe


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Masala TEA", "masala tea"),
        ("Straße STRASSE", "strasse strasse"),
        ("Cœur, Æther, Ærø", "coeur, aether, aero"),
        ("été E\u0301TE\u0301 Łódź", "ete ete lodz"),
        ("ΛΌΓΟΣ λόγος", "λογοσ λογοσ"),
        ("\uff21\uff22\uff23 \ufb01ne", "abc fine"),
        ("İstanbul \u0131l\u0131k", "istanbul ilik"),
        ("ガキ \uff76\uff9e\uff77", "ガキ ガキ"),
        ("நினைவுகள் चाय", "நினைவுகள் चाय"),
        ("ผัดไทย", "ผัดไทย"),
        ("مُحَمَّد محـــمد", "محمد محمد"),
        ("שָׁלוֹם", "שלום"),
        ("", ""),
    ],
)
def test_forms_of_a_word_are_folded(text: str, folded: str) -> None:
    """Case, ligatures, accents and compatibility forms go; marks that a script cannot do without stay."""
    assert fold(text) == folded


@given(st.text())
def test_folding_is_idempotent(text: str) -> None:
    """What is folded stays as it is."""
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet=st.characters(min_codepoint=0x300, max_codepoint=0x34E), min_size=MOST_MARKS + 1))
def test_marks_on_a_letter_are_counted_up_to_a_limit(marks: str) -> None:
    """What stands on a letter beyond the most marks is dropped, wherever the letter stands."""
    for before in ("x" * length for length in range(0, MOST_MARKS, 7)):
        assert stream_safe(f"{before}e{marks} milk") == f"{before}e{marks[:MOST_MARKS]} milk"


@pytest.mark.parametrize("marks", ["\u0301" * MOST_MARKS, "\uff9e\u0316\uff9f" * (MOST_MARKS // 3)])
def test_as_many_marks_as_may_be_stay(marks: str) -> None:
    """The limit itself is within."""
    assert stream_safe(f"e{marks}") == f"e{marks}"
    assert stream_safe(f"e{marks}\u0301") == f"e{marks}"
