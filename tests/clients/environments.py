"""Environments of other people's packages, each made once in a folder of its own at the top, which git ignores."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from shutil import which
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".clients"
PROGRAMS = Path(__file__).parent
SECONDS = 600.0
# Of most that is installed nothing is ever run, and compiling it takes a third of the time.
OPTIONS = ("--quiet", "--disable-pip-version-check", "--no-compile")


def python_with(package: str, version: str, *others: str) -> Path:
    """Return the interpreter of an environment with a version of a package from PyPI, and others beside it."""
    folder = FOLDER / f"{package}-{version}"
    made = folder / ".made"
    python = folder / "bin" / "python"
    if not made.exists():
        _run(sys.executable, "-m", "venv", folder)
        _run(python, "-m", "pip", "install", *OPTIONS, f"{package}=={version}", *others)
        made.touch()
    return python


def node_with(package: str, version: str) -> Path:
    """Return a folder whose `node_modules` have a version of a package from npm."""
    folder = FOLDER / f"node-{package.rpartition('/')[2]}-{version}"
    made = folder / ".made"
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--legacy-peer-deps"]
        _run(_found("npm"), "install", "--prefix", folder, *options, f"{package}@{version}")
        made.touch()
    return folder


@cache
def npm_answers() -> bool:
    """Return whether the registry of Node's packages can be reached from here."""
    found = which("npm")
    if found is None:
        return False
    return subprocess.run([found, "ping"], check=False, timeout=SECONDS, capture_output=True).returncode == 0  # noqa: S603 - found on the path


def node() -> str:
    """Return the program that runs what `node_with` has installed."""
    return _found("node")


def transcript(*command: str | Path, home: Path, **variables: str) -> dict[str, Any]:
    """Run a program of a client, with further variables in its environment, and return what it says came back."""
    # Telemetry is off for exactly this word alone.
    quiet = {"MEM0_DIR": str(home), "MEM0_TELEMETRY": "false", "CREWAI_DISABLE_TELEMETRY": "true"}
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home), **quiet, **variables}
    ended = subprocess.run(  # noqa: S603 - our own programs
        command, env=environ, cwd=home, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


def _found(program: str) -> str:
    found = which(program)
    assert found is not None, f"{program} is not installed"
    return found


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, timeout=SECONDS, capture_output=True)  # noqa: S603 - as above
