"""The commands of the Makefile take what a newcomer may give them."""

import shlex
import subprocess
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def test_a_data_folder_may_have_blanks_in_its_name() -> None:
    """The folder reaches the service as one argument."""
    said = subprocess.run(
        ["/usr/bin/make", "--dry-run", "--no-print-directory", "--assume-old=.venv/.run", "serve", "DATA_DIR=a b"],
        cwd=_ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout

    assert shlex.split(said.splitlines()[-1])[-2:] == ["--data-dir", "a b"]
