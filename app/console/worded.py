"""Sentences on a page: what they name as code, in backticks, is shown as code."""

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`\n]+)`")


def worded(text: str) -> Markup:
    """Return a sentence as markup, in which a command between backticks stands as code."""
    parts = _CODE.split(text)
    shown = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))
    return Markup("").join(shown)
