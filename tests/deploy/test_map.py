"""The map of the house in CONTRIBUTING.md names every folder, down to two levels, and no other."""

import re
from pathlib import Path

from tests.support.markdown import ROOT, fenced

HOUSE = ("app", "providers", "observability", "tests", "deploy")
_LINE = re.compile(r"^(\S+)/? +(\S.+)$")


def folders(root: Path) -> set[str]:
    """Return the folders of the house and those in them; one that holds only caches is none."""
    below = [path for top in HOUSE for path in (root / top, *(root / top).iterdir()) if path.is_dir()]
    return {str(path.relative_to(root)) for path in below if any(_kept(file, root) for file in path.rglob("*"))}


def _kept(file: Path, root: Path) -> bool:
    parts = file.relative_to(root).parts
    return file.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts)


def on_the_map(text: str) -> list[str]:
    """Return the folders on the map, in its order; a line has a path and what the folder is."""
    [drawn] = fenced(text, "map")
    found = [_LINE.match(line) for line in drawn.splitlines()]
    assert all(found), "a line of the map is a path and a sentence"
    return [line[1].rstrip("/") for line in found if line]


def test_the_map_is_true() -> None:
    """A folder that is missing on the map fails, and so does one that is gone."""
    drawn = on_the_map((ROOT / "CONTRIBUTING.md").read_text("utf-8"))

    assert set(drawn) == folders(ROOT)
    assert len(drawn) == len(set(drawn))


def test_folders_of_two_levels_count(tmp_path: Path) -> None:
    """Deeper ones belong to the second; what only a cache is left of is gone."""
    for folder in (*HOUSE, "app/one/two", "app/gone/__pycache__", "app/.cache"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").touch()

    assert folders(tmp_path) == {*HOUSE, "app/one"}


def test_a_line_is_a_path_and_a_sentence() -> None:
    """With or without a slash at its end."""
    assert on_the_map("```map\napp/      the face\napp/one   the first\n```\n") == ["app", "app/one"]
