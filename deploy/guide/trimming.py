"""The built site without what no browser asks for."""

import shutil
from pathlib import Path

_NOT_SERVED = (".buildinfo", "_sources", "objects.inv", "*.map", "*.woff*", "*.ttf", "LICENSE*", "genindex.html")


def copy_served(built: Path, folder: Path) -> None:
    """Copy the site into a folder, in place of what was there."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(built, folder, ignore=shutil.ignore_patterns(*_NOT_SERVED))
