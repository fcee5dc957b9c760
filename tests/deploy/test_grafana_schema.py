"""The dashboards in the eyes of Grafana's own types, where npm has the packages that hold them."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.deploy.test_grafana import boards

pytestmark = pytest.mark.soak  # the compiler takes half a minute

_SECONDS = 300.0
_KINDS = {"timeseries": "timeseries", "stat": "stat", "state-timeline": "statetimeline", "heatmap": "heatmap"}

# TypeScript takes no text for the member of an enumeration that it is the value of.
_PLAIN = """
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]
    : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
"""


@cache
def packages() -> Path | None:
    """The folder of npm's global packages, if it has both that are needed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    done = subprocess.run(  # noqa: S603 - npm itself
        [npm, "root", "--global"], capture_output=True, text=True, timeout=_SECONDS, check=True
    )
    root = Path(done.stdout.strip())
    return root if (root / "@grafana/schema").is_dir() and (root / "typescript").is_dir() else None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which TypeScript finds the packages."""
    root = packages()
    if root is None:
        pytest.skip("npm has no packages @grafana/schema and typescript (npm install --global both)")
    (tmp_path / "node_modules").symlink_to(root)
    return tmp_path


def source(folder: Path, board: str) -> str:
    """A dashboard as a program that is right if its types are; options of panels have types of their own."""
    schema = folder / "node_modules/@grafana/schema/dist"
    lines = ["import type { Dashboard } from '@grafana/schema';", _PLAIN]
    for kind, name in _KINDS.items():
        # Version 11 has the declarations in `esm`, version 12 in `types`.
        file = next(iter(sorted(schema.glob(f"*/raw/composable/{name}/panelcfg/x/*.d.ts"))))
        lines.append(f"import type * as {_identifier(kind)} from './{file.relative_to(folder)}';")
    lines.append(f"export const board: Plain<Dashboard> = {json.dumps(boards()[board])};")
    for panel in boards()[board]["panels"]:
        if panel["type"] != "row":
            kind, custom = _identifier(panel["type"]), panel["fieldConfig"]["defaults"].get("custom")
            lines.append(f"export const options{panel['id']}: Plain<{kind}.Options> = {json.dumps(panel['options'])};")
            if custom is not None:
                lines.append(f"export const custom{panel['id']}: Plain<{kind}.FieldConfig> = {json.dumps(custom)};")
    return "\n".join(lines)


def complaints(folder: Path, text: str) -> list[str]:
    """What the compiler says of a program."""
    (folder / "board.ts").write_text(text)
    node = shutil.which("node")
    assert node is not None
    options = ["--noEmit", "--strict", "--skipLibCheck", "--preserveSymlinks", "--target", "es2022"]
    done = subprocess.run(  # noqa: S603 - the arguments are the tests' own
        [node, "node_modules/typescript/bin/tsc", *options, "--module", "preserve", "board.ts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return re.findall(r"error TS\d+: .*", done.stdout)


def _identifier(kind: str) -> str:
    return kind.replace("-", "_")


@pytest.mark.parametrize("name", boards())
def test_a_dashboard_is_what_grafana_calls_one(folder: Path, name: str) -> None:
    """With no property that its schema does not know, and none missing."""
    assert complaints(folder, source(folder, name)) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"graphTooltip": 1', '"graphTooltips": 1'), ('"mergeValues": true', '"mergeValues": 3'), ('"dashed"', '"dotty"')],
)
def test_the_types_see_what_is_wrong(folder: Path, right: str, wrong: str) -> None:
    """A property nobody knows, a value of another type, a word that is none of the choices."""
    text = source(folder, "journal")

    assert right in text
    assert len(complaints(folder, text.replace(right, wrong))) >= 1
