"""The official clients of MCP from both registries, in several versions, against a running service."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Reached
from tests.clients.environments import PROGRAMS, node, node_with, python_with, transcript
from tests.support.api import fresh_user

PYTHON = ["1.30.0", "1.22.0"]
TYPESCRIPT = ["1.32.2", "1.12.0"]

EXPECTED: dict[str, Any] = {
    "server": "ninaivalaigal",
    "tools": ["add_memory", "search_memories", "list_memories", "get_memory", "update_memory", "delete_memory"],
    "added": "stored",
    "found": ["I drink tea"],
    "refused": True,
    "resources": ["memory://"],
    "prompts": ["use_memory"],
}


@pytest.mark.clients
@pytest.mark.parametrize("version", PYTHON)
def test_python_clients(reached: Reached, tmp_path: Path, version: str) -> None:
    """Those before the second version, which begin with a handshake."""
    program = PROGRAMS / "mcp_python.py"

    said = transcript(python_with("mcp", version), program, reached.url, reached.key, fresh_user(), home=tmp_path)

    assert said == {**EXPECTED, "version": version}


@pytest.mark.clients
@pytest.mark.usefixtures("npm_registry")
@pytest.mark.parametrize("version", TYPESCRIPT)
def test_typescript_clients(reached: Reached, tmp_path: Path, version: str) -> None:
    """What Claude Code, Cursor and VS Code have built in."""
    folder = node_with("@modelcontextprotocol/sdk", version)
    program = PROGRAMS / "mcp_typescript.mjs"

    said = transcript(node(), program, folder, reached.url, reached.key, fresh_user(), home=tmp_path)

    assert said == {**EXPECTED, "version": version}
