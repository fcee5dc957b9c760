"""The SDK of the protocol takes a second to import, so that only who uses it waits for it."""

import subprocess
import sys

import pytest

PROBE = """
import sys
import app.main
import app.cli
app.cli.main.get_command(None, "mcp")
print({"mcp", "pydantic", "starlette"} & sys.modules.keys())
"""


@pytest.mark.thorough
def test_the_application_does_not_import_it() -> None:
    """Nor does the command, before it runs."""
    ended = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)  # noqa: S603 - our own text

    assert ended.stdout == "set()\n"
