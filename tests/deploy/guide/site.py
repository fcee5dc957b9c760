"""The built site as a browser sees it: what its pages load, where their links lead, and which anchors they have."""

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; a link is fetched only when somebody clicks it.
_LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("source", "src"),
    ("iframe", "src"),
    ("object", "data"),
    ("form", "action"),
}
_RELATIONS = {"stylesheet", "icon", "shortcut icon", "preload", "preconnect", "dns-prefetch", "modulepreload"}


class SitePage(HTMLParser):
    """A page: `loads` are the addresses that it loads, `links` those that it leads to, `anchors` its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what an element refers to."""
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel", "") in _RELATIONS:
            self.loads.append(given["href"])
        self.loads += [value for name, value in given.items() if (tag, name) in _LOADED]


def pages_of(folder: Path) -> Mapping[str, SitePage]:
    """Return every page, by the name of its file."""
    return {path.name: SitePage(path.read_text("utf-8")) for path in sorted(folder.glob("*.html"))}


def is_outside(address: str) -> bool:
    """Return whether an address leads to another host."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in {"", "data", "mailto"}


def dead_links(pages: Mapping[str, SitePage], folder: Path) -> Iterator[str]:
    """Yield each link of the site whose file or anchor is not there."""
    for name, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if is_outside(link) or parts.scheme:
                continue
            target = unquote(parts.path) or name
            anchors = pages[target].anchors | {""} if target in pages else {unquote(parts.fragment)}
            if not (folder / target).is_file() or unquote(parts.fragment) not in anchors:
                yield f"{name}: {link}"


def reachable(pages: Mapping[str, SitePage], first: str) -> set[str]:
    """Return the pages that somebody comes to who follows links from the first one."""
    seen, waiting = {first}, [first]
    while waiting:
        links = {unquote(urlsplit(link).path) for link in pages[waiting.pop()].links if not is_outside(link)}
        new = {link for link in links if link in pages} - seen
        seen |= new
        waiting += new
    return seen
