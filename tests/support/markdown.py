"""Markdown pages of the repository: where they are, which links they have, and which anchors their headings make."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})[^\n]*\n.*?^\1\2`* *$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)? *$", re.MULTILINE)
_TEXT_OF_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_NO_PART_OF_AN_ANCHOR = re.compile(r"[^\w\- ]")


def pages(root: Path = ROOT) -> list[Path]:
    """Return every page, in the order of their paths; folders whose names start with a dot have none of ours."""
    found = (path.relative_to(root) for path in root.rglob("*.md"))
    return sorted(root / path for path in found if not any(part.startswith(".") for part in path.parts))


def anchors(text: str) -> set[str]:
    """Return the anchor of each heading, as GitHub makes them; a repeated one ends in a number."""
    times = Counter[str]()
    made = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = _TEXT_OF_LINK.sub(r"\1", heading).lower()
        anchor = _NO_PART_OF_AN_ANCHOR.sub("", words).replace(" ", "-")
        made.add(f"{anchor}-{times[anchor]}" if times[anchor] else anchor)
        times[anchor] += 1
    return made


def links(text: str) -> list[str]:
    """Return the target of each link that leads to a place in the repository; code has no links."""
    prose = _CODE.sub("``", _FENCE.sub("", text))
    return [target for target in _LINK.findall(prose) if not re.match(r"[a-z]+:", target)]


def dead_links(page: Path) -> Iterator[str]:
    """Yield each link of a page whose file or anchor does not exist."""
    text = page.read_text("utf-8")
    for target in links(text):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            yield target


def fenced(text: str, language: str) -> Iterator[str]:
    """Yield the lines of each fenced block of a language, as one text."""
    for block in re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield str(block)
