"""The client as a distribution of its own: what it needs, what its adapters import, and what its wheel has."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[3]
CLIENT = ROOT / "app" / "client" / "python"
PACKAGE = CLIENT / "src" / "ninaivalaigal"
ADAPTERS = sorted((PACKAGE / "adapters").glob("[a-z]*.py"))
NEEDED = {"httpx", "msgspec", "ninaivalaigal"}
# What an adapter may import beside its framework: what the framework itself needs and gives away.
FRAMEWORKS = {
    "adk": {"google"},
    "agent_framework": {"agent_framework"},
    "claude": {"anthropic"},
    "claude_files": {"anthropic"},
    "crewai": {"crewai", "pydantic"},
    "langgraph": {"langgraph"},
    "llama_index": {"llama_index", "pydantic"},
    "openai_agents": {"agents"},
    "pydantic_ai": {"pydantic_ai"},
    "strands": {"strands"},
}


def imported(file: Path) -> set[str]:
    """Every module that a file imports, wherever."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def foreign(modules: set[str]) -> set[str]:
    """The packages of modules that neither belong to Python nor to the client and what it needs."""
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - NEEDED


@pytest.mark.parametrize("file", ADAPTERS, ids=lambda file: file.stem)
def test_an_adapter_imports_its_own_framework_alone(file: Path) -> None:
    """And no other adapter, but for a part of itself."""
    modules = imported(file)
    others = {module for module in modules if module.startswith("ninaivalaigal.adapters.")}

    assert foreign(modules) == FRAMEWORKS[file.stem]
    assert all(other.startswith(f"ninaivalaigal.adapters.{file.stem}_") for other in others)


def test_the_client_imports_nothing_but_what_it_needs() -> None:
    """OpenTelemetry is used if it is there; nothing of the service is."""
    modules = set[str]().union(*(imported(file) for file in PACKAGE.glob("*.py")))

    assert foreign(modules) == {"opentelemetry"}


def test_every_adapter_has_an_extra() -> None:
    """The distribution needs httpx and msgspec, and nothing else."""
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]

    assert [needed.partition(">")[0] for needed in project["dependencies"]] == ["httpx", "msgspec"]
    named = {file.stem.replace("_", "-") for file in ADAPTERS if file.stem != "claude_files"}
    assert set(project["optional-dependencies"]) == named | {"tracing"}


@pytest.mark.thorough
def test_two_wheels_share_nothing(tmp_path: Path) -> None:
    """The client's has its package alone, typed; the service's has none of it."""
    for folder in (ROOT, CLIENT):
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603 - the project's own tool
    names = {wheel.name.partition("-")[0]: ZipFile(wheel).namelist() for wheel in tmp_path.glob("*.whl")}

    assert {name.partition("/")[0] for name in names["ninaivalaigal_client"]} == {
        "ninaivalaigal",
        "ninaivalaigal_client-0.1.0.dist-info",
    }
    assert {"ninaivalaigal/py.typed", "ninaivalaigal/adapters/langgraph.py"} <= set(names["ninaivalaigal_client"])
    assert "app/main.py" in names["ninaivalaigal"]
    assert not [name for name in names["ninaivalaigal"] if name.startswith("app/client")]
