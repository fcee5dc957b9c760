"""mem0's own packages from both registries, as they are, against a running service."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Reached
from tests.clients.environments import PROGRAMS, node, node_with, python_with, transcript
from tests.support.api import fresh_user

PYTHON = ["2.0.0", "1.0.11", "0.1.118"]
TYPESCRIPT = ["3.3.1", "3.0.1", "2.4.6", "2.1.38"]

EXPECTED: dict[str, Any] = {
    "added": ["ADD", "ADD"],
    "found": ["I drink tea"],
    "narrowed": ["I will remember that you moved to Paris"],
    "count": 3,
    "history": ["ADD", "UPDATE"],
    "batch": "I moved to Oslo",
    "left": 1,
    "end": 0,
    "deleted_user": 0,
}


def check(said: dict[str, Any]) -> None:
    """Require what every client in every version must have seen."""
    assert {name: said[name] for name in EXPECTED} == EXPECTED
    assert (said["got"]["memory"], said["got"]["metadata"]) == ("I moved to Paris last spring", {"topic": "home"})
    changed = said["changed"]
    assert (changed["memory"], changed["metadata"]) == ("I moved to Rome last spring", {"topic": "city"})
    assert "no memory" in said["gone"]
    assert "user_id must name users" in said["refused"]
    assert "This API key is not known" in said["wrong_key"]


def of_python(python: str | Path, reached: Reached, home: Path) -> dict[str, Any]:
    """Return what the Python client of an environment has seen."""
    return transcript(python, PROGRAMS / "mem0_python.py", reached.url, reached.key, fresh_user(), home=home)


@pytest.mark.thorough
def test_the_python_client_of_this_environment(reached: Reached, tmp_path: Path) -> None:
    """The newest one that we know; its own errors have their names."""
    said = of_python(sys.executable, reached, tmp_path)

    check(said)
    assert said["page"] == {"count": 3, "previous": None}
    assert said["gone"].startswith("MemoryNotFoundError: ")
    assert said["refused"].startswith("ValidationError: ")
    assert "is not served here" in said["unserved"]


@pytest.mark.clients
@pytest.mark.parametrize("version", PYTHON)
def test_older_python_clients(reached: Reached, tmp_path: Path, version: str) -> None:
    """Back to those that ask for the first two versions of the API."""
    said = of_python(python_with("mem0ai", version), reached, tmp_path)

    check(said)
    assert said["version"] == version


@pytest.mark.clients
@pytest.mark.usefixtures("npm_registry")
@pytest.mark.parametrize("version", TYPESCRIPT)
def test_typescript_clients(reached: Reached, tmp_path: Path, version: str) -> None:
    """The newest one that we know, and older ones."""
    folder = node_with("mem0ai", version)
    program = PROGRAMS / "mem0_typescript.mjs"

    said = transcript(node(), program, folder, reached.url, reached.key, fresh_user(), home=tmp_path)

    check(said)
    assert said["version"] == version
