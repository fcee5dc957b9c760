"""What only some settings need is imported only where they are set, because every process waits for its imports."""

import subprocess
import sys

import pytest

PROBE = """
import sys
import app.main
print({"cryptography", "jwt", "redis"} & sys.modules.keys())
"""


@pytest.mark.thorough
def test_the_application_imports_no_library_of_an_extra() -> None:
    """Neither that of tokens nor that of shared limits: both take long to load."""
    ended = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)  # noqa: S603 - our own text

    assert ended.stdout == "set()\n"
