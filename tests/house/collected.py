"""How many tests there are, as pytest collects them."""

import subprocess
import sys
from pathlib import Path

from tests.house.table import Row


def collected(root: Path, folder: str = "tests") -> int:
    """Return the number of tests that pytest collects in a folder of a checkout."""
    listed = subprocess.run(  # noqa: S603 - our own suite
        [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "--no-header", folder],
        cwd=root,
        capture_output=True,
        check=True,
        text=True,
    )
    return sum("::" in line for line in listed.stdout.splitlines())


def rows(root: Path) -> list[Row]:
    """Return the row of this measure."""
    return [Row(measure="tests", value=collected(root))]
