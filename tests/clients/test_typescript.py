"""A client in TypeScript: types that are generated from the OpenAPI document, checked strictly, and used."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.service import Service

CALLER = Path(__file__).with_name("typescript")
SECONDS = 240
NPM, NODE = shutil.which("npm"), shutil.which("node")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.usefixtures("npm_registry"),
    pytest.mark.skipif(NPM is None or NODE is None, reason="there is no Node.js on the path"),
]


def run(folder: Path, *command: str) -> str:
    """Run a command in a folder, and return what it says; what it complains of fails the test."""
    done = subprocess.run(  # noqa: S603 - found on the path, or installed by it
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_client_in_typescript_is_generated_checked_and_used(service: Service, document: Path, tmp_path: Path) -> None:
    """openapi-typescript makes the types, tsc holds a caller to them in its strictest way, and Node runs it.

    Its user has a name that Node would not send in a header.
    """
    folder = tmp_path / "caller"
    shutil.copytree(CALLER, folder, ignore=shutil.ignore_patterns("node_modules", "built"))
    assert NPM is not None
    assert NODE is not None
    run(folder, NPM, "ci", "--no-audit", "--no-fund")

    run(folder, NPM, "exec", "--", "openapi-typescript", str(document), "--output", "api.d.ts")
    run(folder, NPM, "exec", "--", "tsc", "--project", "tsconfig.json")

    assert run(folder, NODE, "built/caller.js", service.url, "用户1") == "called as 用户1\n"


def test_the_checks_of_types_are_not_for_nothing(document: Path, tmp_path: Path) -> None:
    """A caller that takes what may be missing for granted, or sends what is not known, is refused."""
    folder = tmp_path / "caller"
    shutil.copytree(CALLER, folder, ignore=shutil.ignore_patterns("node_modules", "built"))
    assert NPM is not None
    run(folder, NPM, "ci", "--no-audit", "--no-fund")
    run(folder, NPM, "exec", "--", "openapi-typescript", str(document), "--output", "api.d.ts")
    (folder / "caller.ts").write_text(
        'import type { components } from "./api.js";\n'
        'export const unknown: components["schemas"]["RecallRequest"] = { query: "tea", most: 1 };\n'
        'export const text = (answer: components["schemas"]["RecallResponse"]): string => answer.text;\n'
    )

    done = subprocess.run(  # noqa: S603 - found on the path
        [NPM, "exec", "--", "tsc", "--noEmit"], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert done.returncode != 0
    assert [line.partition("(")[2][:1] for line in done.stdout.splitlines() if "error" in line] == ["2", "3"]
