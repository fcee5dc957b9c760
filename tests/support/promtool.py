"""promtool, where it is installed: Debian has it in the package `prometheus`."""

import shutil
import subprocess
from pathlib import Path

import pytest

_SECONDS = 300.0

_found = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(_found is None, reason="promtool is not installed (Debian: prometheus)")


def promtool(*arguments: str, folder: Path, given: str = "") -> str:
    """Run it in a folder on this input, and return its output; fail with that if it was not content."""
    assert _found is not None
    done = subprocess.run(  # noqa: S603 - the arguments are the tests' own
        [_found, *arguments], cwd=folder, input=given, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
