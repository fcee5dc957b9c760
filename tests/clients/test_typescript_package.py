"""The TypeScript package: built as its README says, and used by a program over the live service."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Reached
from tests.clients.test_typescript import NODE, NPM, SECONDS, run
from tests.support.document import openapi_document
from tests.support.markdown import fenced
from tests.support.service import Service

PACKAGE = Path(__file__).parents[2] / "app" / "client" / "typescript"
MODEL = """
import { MockLanguageModelV4 } from "ai/test";

const prompt = "Which seat do I like?";
const model = new MockLanguageModelV4({
  doGenerate: async () => ({
    content: [{ type: "text", text: "A window seat." }],
    finishReason: { unified: "stop", raw: "stop" },
    usage: {
      inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: 1, text: 1, reasoning: 0 },
    },
    warnings: [],
  }),
});
"""
STRICT = ("--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck")
COMPILED = ("--target", "es2022", "--module", "nodenext", "--types", "node", *STRICT)
PROGRAM = Path(__file__).with_name("package_typescript.mjs")

pytestmark = [
    pytest.mark.clients,
    pytest.mark.usefixtures("npm_registry"),
    pytest.mark.skipif(NPM is None or NODE is None, reason="there is no Node.js on the path"),
]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """Where the package lies as it is published, built as its README says, and the files that are in it."""
    assert NPM is not None
    source = tmp_path_factory.mktemp("package") / "source"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("node_modules", "dist", "api.d.ts"))
    document = source.parent / "openapi.json"
    document.write_text(json.dumps(openapi_document()))
    run(source, NPM, "ci", "--no-audit", "--no-fund")
    run(source, NPM, "run", "generate", "--", str(document), "--output", "src/api.d.ts")
    run(source, NPM, "run", "build")
    [made] = json.loads(run(source, NPM, "pack", "--json"))
    return source / made["filename"], {file["path"] for file in made["files"]}


@pytest.fixture(scope="module")
def program(packed: tuple[Path, set[str]]) -> Path:
    """A folder of a program that has installed the package."""
    assert NPM is not None
    folder = packed[0].parents[1] / "program"
    folder.mkdir()
    (folder / "package.json").write_text('{"type": "module"}')
    run(folder, NPM, "install", "--no-audit", "--no-fund", str(packed[0]), "ai@7", "typescript@5", "@types/node@20")
    return folder


def test_the_package_is_built_packed_and_used(reached: Reached, packed: tuple[Path, set[str]], program: Path) -> None:
    """What is packed is what a program installs; its types are the document's, checked strictly."""
    assert NODE is not None
    shutil.copy(PROGRAM, program)

    said = run(program, NODE, PROGRAM.name, reached.url, reached.key)

    assert json.loads(said) == {"ended": "well"}
    assert packed[1] >= {"README.md", "dist/index.js", "dist/index.d.ts", "dist/api.d.ts"}


def test_the_programs_of_its_readme_are_checked_and_run(service: Service, program: Path) -> None:
    """The second goes on where the first ends, with a model that says one sentence."""
    assert NPM is not None
    assert NODE is not None
    first, second = fenced((PACKAGE / "README.md").read_text("utf-8"), "ts")
    assert "http://127.0.0.1:8000" in first
    (program / "shown.ts").write_text(MODEL + first.replace("http://127.0.0.1:8000", service.url) + second)

    run(program, NPM, "exec", "--", "tsc", *COMPILED, "shown.ts")

    assert run(program, NODE, "shown.js") == "[]\n"


def test_what_the_readme_may_not_say_is_refused(program: Path) -> None:
    """The check of its programs knows the options and the methods."""
    (program / "wrong.ts").write_text(
        'import { MemoryClient } from "ninaivalaigal-client";\n'
        'const memories = new MemoryClient({ baseUrl: "http://127.0.0.1:8000", person: "priya" });\n'
        "await memories.recollect();\n"
    )
    assert NPM is not None

    done = subprocess.run(  # noqa: S603 - found on the path
        [NPM, "exec", "--", "tsc", *COMPILED, "--noEmit", "wrong.ts"],
        cwd=program,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode != 0
    assert "'person' does not exist" in done.stdout
    assert "'recollect' does not exist" in done.stdout
