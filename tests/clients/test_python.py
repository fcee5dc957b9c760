"""A client in Python that is generated from the OpenAPI document, checked strictly, and used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import Service

CALLER = Path(__file__).with_name("python") / "caller.py"
PACKAGE = "ninaivalaigal_client"
SECONDS = 240
# One file of the client is the same for every document, and passes `__exit__` on as no strict checker likes.
STRICT = f"""[mypy]
strict = true
[mypy-{PACKAGE}.client]
disable_error_code = arg-type
"""
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.clients


def run(folder: Path, *command: str | Path) -> str:
    """Run a command of the environment in a folder; what it complains of fails the test."""
    done = subprocess.run(  # noqa: S603 - a command of our own environment
        [BIN / command[0], *command[1:]],
        cwd=folder,
        # The generator formats what it has made with the ruff on its path, if there is one.
        env={"PATH": os.pathsep.join((str(BIN), "/usr/bin", "/bin")), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def generated(document: Path, folder: Path) -> str:
    """Generate the client into a folder, and return what the generator says."""
    command = ("openapi-python-client", "generate", "--path", document, "--meta", "none")
    return run(folder, *command, "--output-path", folder / PACKAGE)


def test_a_client_in_python_is_generated_checked_and_used(service: Service, document: Path, tmp_path: Path) -> None:
    """openapi-python-client understands every operation, mypy is content with all of it, and a caller calls it."""
    said = generated(document, tmp_path)
    assert "Warning" not in said, said

    (tmp_path / "mypy.ini").write_text(STRICT)
    run(tmp_path, "mypy", "--package", PACKAGE)
    run(tmp_path, "mypy", CALLER)

    assert run(tmp_path, "python", CALLER, service.url, "用户2") == "called as 用户2\n"


def test_every_operation_is_a_module_with_its_short_name(document: Path, tmp_path: Path) -> None:
    """As its id says it; what the generator does not understand it would leave out."""
    generated(document, tmp_path)

    modules = {path.stem for path in (tmp_path / PACKAGE / "api").glob("*/*.py")} - {"__init__"}

    assert {"remember", "recall", "get_memory", "list_memories", "delete_all_memories", "get_journal"} <= modules
    assert len(modules) == document.read_text().count('"operationId"')
