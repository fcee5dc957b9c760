"""Texts of strangers as pages show them."""

import unicodedata

import pytest

from app.console.visible_text import PREVIEW_CHARS, PREVIEW_LINES, preview, visible

READABLE = [
    "நினைவாலயகம்",
    "क्‍ष",  # a joiner, without which it is another letter
    "می‌خواهم",  # a non-joiner, as Persian has it
    "مرحبا بالعالم",
    "👩‍👩‍👧 ❤️",
    "e\u0301",
    "tab\tand\nline",
]


@pytest.mark.parametrize("text", READABLE)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    """In every script, with all that it needs."""
    assert visible(text) == text


@pytest.mark.parametrize("char", [*map(chr, range(9)), "\x7f", "\x85", "\xad", "\u061c", "\u2028", "\ufeff", "\ud800"])
def test_what_is_not_seen_is_written_out(char: str) -> None:
    """By its number, in a box that no text can make by itself."""
    assert visible(f"a{char}b") == f'a<span class="unseen">U+{ord(char):04X}</span>b'


def test_no_character_that_formats_is_left_but_the_joiners() -> None:
    """All controls and all that turn the direction, as Unicode classes them."""
    formats = {chr(code) for code in range(0x3000) if unicodedata.category(chr(code)) in {"Cc", "Zl", "Zp"}}
    formats |= {chr(code) for code in range(0x2000, 0x2070) if unicodedata.category(chr(code)) == "Cf"}

    left = {char for char in formats if visible(char) == char}

    assert left == {"\t", "\n", "\u200c", "\u200d"}


def test_a_row_of_variant_selectors_hides_nothing() -> None:
    """One alone is ordinary."""
    assert visible("a\ufe0f") == "a\ufe0f"
    assert visible("a\ufe0f\U000e0100") == 'a\ufe0f<span class="unseen">U+E0100</span>'


def test_markup_is_text() -> None:
    """As it was written."""
    assert visible('<b title="x">&') == "&lt;b title=&#34;x&#34;&gt;&amp;"


def test_lines_of_windows_are_lines() -> None:
    """A carriage return alone is shown."""
    assert visible("a\r\nb\rc") == 'a\nb<span class="unseen">U+000D</span>c'


def test_a_preview_has_few_lines_and_few_characters() -> None:
    """Whichever is reached first."""
    assert preview("x" * (PREVIEW_CHARS + 1)) == "x" * PREVIEW_CHARS
    assert preview("x\n" * (PREVIEW_LINES + 1)) == "\n".join("x" * PREVIEW_LINES)
    assert preview("short\nlines") == "short\nlines"
