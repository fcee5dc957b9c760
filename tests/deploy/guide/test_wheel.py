"""The guide in the wheel: what `make docs` has built is in it, although it is none of the sources."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.markdown import ROOT

SOURCES = ("app", "providers", "observability")
FILES = ("pyproject.toml", "README.md", "LICENSE", ".gitignore")


@pytest.mark.thorough
def test_a_built_guide_is_in_the_wheel(tmp_path: Path) -> None:
    """And the clients, which are distributions of their own, are not."""
    copy = tmp_path / "copy"
    for folder in SOURCES:
        left_out = shutil.ignore_patterns("__pycache__", "node_modules", "guide")
        shutil.copytree(ROOT / folder, copy / folder, ignore=left_out)
    for file in FILES:
        shutil.copy(ROOT / file, copy / file)
    (copy / "app" / "docs" / "guide").mkdir()
    (copy / "app" / "docs" / "guide" / "index.html").write_text("<p>The guide</p>", "utf-8")

    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", tmp_path, copy], check=True)  # noqa: S603 - our own sources

    [wheel] = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert "app/docs/guide/index.html" in names
    assert "app/controllers/guide.py" in names
    assert [name for name in names if name.startswith("app/client/")] == []
