"""The pages of the site as their generator reads them: flat, with links that lead to other pages of the site."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from deploy.guide.navigation import BELOW, HOME, SECTIONS, TITLES

ROOT = Path(__file__).parents[2]
INDEX = "index"

_CODE_OR_LINK = re.compile(
    r"(?P<code>^ *(?P<fence>`{3,}|~{3,})[^\n]*\n.*?^ *(?P=fence)`* *$)"
    r"|(?P<text>\[[^\]]*\])\((?![a-z]+:|#)(?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)
_LANGUAGES = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".sql": "postgresql", ".cfg": "text", ".ini": "ini"}
_PICTURES = {".svg", ".png"}
# Of pages that are README.md of their folders, whose names would be those of other pages.
_PREFIXES = {"app": "client-", "providers": "design-"}


class DeadLink(Exception):
    """Signal a link to something that the repository does not have."""


def page_names() -> Mapping[str, str]:
    """Return the name in the site of each page, by its path in the repository."""
    paths = [HOME, *(page for section in SECTIONS for page in section.pages)]
    paths += [str(path.relative_to(ROOT)) for pattern in BELOW.values() for path in sorted(ROOT.glob(pattern))]
    names = {path: _name_of(path) for path in paths}
    if len(set(names.values())) < len(names):
        raise ValueError(f"two pages have one name: {sorted(names.values())}")
    return names


def _name_of(path: str) -> str:
    """Return `api` for `deploy/docs/api.md`, and `systemd` for `deploy/systemd/README.md`."""
    if path == HOME:
        return INDEX
    place = PurePosixPath(path)
    if path == "README.md":
        return "start"
    if place.name != "README.md":
        return f"project-{place.stem.lower()}" if len(place.parts) == 1 else place.stem
    return _PREFIXES.get(place.parts[0], "") + place.parent.name


def write_sources(folder: Path) -> None:
    """Write every page, picture and shown file of the site into a folder."""
    names = page_names()
    shown: dict[str, str] = {}
    for path, name in names.items():
        text = _rewritten((ROOT / path).read_text("utf-8"), path, names, shown, folder)
        (folder / f"{name}.md").write_text(text + _contents(path, names), "utf-8")
    for path, name in shown.items():
        (folder / f"{name}.md").write_text(_shown_file(path), "utf-8")


def _rewritten(text: str, path: str, names: Mapping[str, str], shown: dict[str, str], folder: Path) -> str:
    """Return a page whose links lead to pages of the site; fenced code stays as it is."""

    def replaced(found: re.Match[str]) -> str:
        if found["code"]:
            return found[0].replace("```map\n", "```text\n", 1)
        target, hash_mark, anchor = found["target"].partition("#")
        place = (ROOT / path).parent.joinpath(target).resolve()
        if not place.exists():
            raise DeadLink(f"{path}: {found['target']}")
        return f"{found['text']}({_address(place, names, shown, folder)}{hash_mark}{anchor})"

    return _CODE_OR_LINK.sub(replaced, text)


def _address(place: Path, names: Mapping[str, str], shown: dict[str, str], folder: Path) -> str:
    """Return where a file of the repository is in the site; a folder is its page."""
    if (place / "README.md").is_file():
        place /= "README.md"
    path = str(place.relative_to(ROOT))
    if path in names:
        return f"{names[path]}.md"
    if place.suffix in _PICTURES:
        (folder / place.name).write_bytes(place.read_bytes())
        return place.name
    if place.suffix == ".md":
        raise DeadLink(f"{path} is no page of the site")
    return f"{shown.setdefault(path, 'file-' + re.sub('[^a-z0-9]+', '-', path.lower()))}.md"


def _shown_file(path: str) -> str:
    """Return a page that shows a file of the repository, or those in a folder."""
    files = sorted(file for file in (ROOT / path).glob("*") if file.is_file()) or [ROOT / path]
    parts = (_block(file) if file == ROOT / path else f"## `{file.name}`\n\n{_block(file)}" for file in files)
    return f"---\norphan: true\nnosearch: true\n---\n\n# `{path}`\n\n" + "\n".join(parts)


def _block(file: Path) -> str:
    text = file.read_text("utf-8").rstrip("\n")
    return f"````{_LANGUAGES.get(file.suffix, 'text')}\n{text}\n````\n"


def _contents(path: str, names: Mapping[str, str]) -> str:
    """Return the hidden tables of contents that make the navigation."""
    if path == HOME:
        return "".join(
            _table(section.heading, [_entry(names[page], TITLES.get(page)) for page in section.pages])
            for section in SECTIONS
        )
    if path in BELOW:
        below = sorted(names[str(page.relative_to(ROOT))] for page in ROOT.glob(BELOW[path]))
        return _table("", below)
    return ""


def _entry(name: str, title: str | None) -> str:
    return name if title is None else f"{title} <{name}>"


def _table(caption: str, pages: list[str]) -> str:
    title = f":caption: {caption}\n" if caption else ""
    return "\n\n```{toctree}\n:hidden:\n" + title + "\n" + "\n".join(pages) + "\n```\n"
