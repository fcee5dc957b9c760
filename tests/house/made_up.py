"""A made-up checkout for the tests of the measures."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from tests.house.tree import Tree


def tree_of(root: Path, files: Mapping[str, str]) -> Tree:
    """Write files, by their paths from the root on, and return their tree."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return Tree(root)
