"""The adapters of our Python client, each in the newest version of its framework, against a running service.

Each program prints what it has seen, and the JSON file beside it has what it should.
"""

import json
from pathlib import Path

import pytest

from tests.clients.environments import PROGRAMS, ROOT, python_with, transcript
from tests.support.api import fresh_user
from tests.support.service import Service

FRAMEWORKS = PROGRAMS / "frameworks"
SOURCES = ROOT / "app" / "client" / "python" / "src"
# What the client itself needs; its sources are used as they are.
NEEDED = ("httpx>=0.27", "msgspec>=0.19")


def check(service: Service, home: Path, program: str, package: str, version: str) -> None:
    """Require that a program has seen in an environment of its own what it should."""
    python, script = python_with(package, version, *NEEDED), FRAMEWORKS / f"{program}.py"

    said = transcript(python, script, service.url, fresh_user(), home=home, PYTHONPATH=str(SOURCES))

    assert said == json.loads(script.with_suffix(".json").read_text("utf-8"))


@pytest.mark.clients
@pytest.mark.parametrize(
    ("program", "package", "version"),
    [
        ("langgraph_store", "langgraph", "1.2.24"),
        ("openai_agents_session", "openai-agents", "0.24.0"),
        ("claude_memory", "anthropic", "2.14.0"),
        ("strands_store", "strands-agents", "1.62.0"),
        ("adk_service", "google-adk", "2.13.0"),
        ("llama_index_block", "llama-index-core", "0.14.25"),
        ("agent_framework_provider", "agent-framework-core", "1.23.0"),
        ("pydantic_ai_tools", "pydantic-ai-slim", "2.68.0"),
    ],
)
def test_adapters(service: Service, tmp_path: Path, program: str, package: str, version: str) -> None:
    """Those of the frameworks that install in half a minute."""
    check(service, tmp_path, program, package, version)


@pytest.mark.heavy_clients
def test_adapters_of_heavy_frameworks(service: Service, tmp_path: Path) -> None:
    """CrewAI installs a gigabyte, in several minutes."""
    check(service, tmp_path, "crewai_tools", "crewai", "1.15.30")
