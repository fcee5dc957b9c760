"""The TypeScript package: built as its README says, and used by a program over the live service."""

import json
import shutil
from pathlib import Path

import pytest

from tests.clients.conftest import Reached
from tests.clients.test_typescript import NODE, NPM, run

PACKAGE = Path(__file__).parents[2] / "app" / "client" / "typescript"
PROGRAM = Path(__file__).with_name("package_typescript.mjs")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.usefixtures("npm_registry"),
    pytest.mark.skipif(NPM is None or NODE is None, reason="there is no Node.js on the path"),
]


def test_the_package_is_built_packed_and_used(reached: Reached, document: Path, tmp_path: Path) -> None:
    """What is packed is what a program installs; its types are the document's, checked strictly."""
    assert NPM is not None
    assert NODE is not None
    source, program = tmp_path / "source", tmp_path / "program"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("node_modules", "dist", "api.d.ts"))
    run(source, NPM, "ci", "--no-audit", "--no-fund")
    run(source, NPM, "run", "generate", "--", str(document), "--output", "src/api.d.ts")
    run(source, NPM, "run", "build")
    [packed] = json.loads(run(source, NPM, "pack", "--json"))
    program.mkdir()
    (program / "package.json").write_text('{"type": "module"}')
    run(program, NPM, "install", "--no-audit", "--no-fund", str(source / packed["filename"]), "ai@7")
    shutil.copy(PROGRAM, program)

    said = run(program, NODE, PROGRAM.name, reached.url, reached.key)

    assert json.loads(said) == {"ended": "well"}
    assert {file["path"] for file in packed["files"]} >= {
        "README.md",
        "dist/index.js",
        "dist/index.d.ts",
        "dist/api.d.ts",
    }
