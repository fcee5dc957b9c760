"""The code of a former commit of this project, in a folder: `PYTHONPATH` of a program that it runs."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def former_code(commit: str, folder: Path) -> Path:
    """Return the folder, with the code of a commit in it; skip the test where there is no history to look it up."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("the former program is in the history, and there is no git to look it up")
    archive = subprocess.run(  # noqa: S603 - our own history
        [git, "-C", ROOT, "archive", commit], capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(f"the former program is in the history, and this checkout does not have {commit}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder
