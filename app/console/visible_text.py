"""Texts of strangers on a page: what cannot be seen in them, or turns them round, is written out."""

import re

from markupsafe import Markup, escape

# Selectors of variants of the character before; one alone is ordinary, and a row of them can hide any text.
_VARIANTS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
# Control characters but for tab and line feed, line separators, formats that turn the direction or have no width, and
# tags. The joiners U+200C and U+200D are not among them: scripts of India and Persian are not written without them.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
    f"|(?<=[{_VARIANTS}])[{_VARIANTS}]"
)
_MARK = Markup('<span class="unseen">U+{}</span>')


def visible(text: str) -> Markup:
    """Return a text as markup in which nothing is hidden: U+202E stands there as these letters, in a box."""
    text = text.replace("\r\n", "\n")
    shown: list[Markup] = []
    behind = 0
    for found in _UNSEEN.finditer(text):
        shown += [escape(text[behind : found.start()]), _MARK.format(f"{ord(found[0]):04X}")]
        behind = found.end()
    return Markup("").join([*shown, escape(text[behind:])])


PREVIEW_CHARS = 400
PREVIEW_LINES = 6


def preview(text: str) -> str:
    """Return the beginning of a text, as much as a list shows of each."""
    lines = text[:PREVIEW_CHARS].split("\n", PREVIEW_LINES)
    return "\n".join(lines[:PREVIEW_LINES])
