"""The READMEs of the chain name every file of their folders, steps that exist, and the tests that prove their rules."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.support.markdown import ROOT, fenced

FOLDER = ROOT / "providers" / "chain"
README = (FOLDER / "README.md").read_text("utf-8")
MOST_LINES = 175
ROOMS = {
    name: (FOLDER / name / "README.md").read_text("utf-8")
    for name in ("comparing", "erasing", "expiring", "hedging", "stores", "waiting")
}

_FILE = re.compile(r"`((?:reporting/)?\w+\.py)`")
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_STEP = re.compile(r"^ *([A-Za-z_]\w*(?:\.\w+)?)(?: .*?)? {2,}(\w+\.py)(?: |$)", re.MULTILINE)


@cache
def _defined(path: Path) -> set[str]:
    """Return the names of the classes and functions of a file, those of a class with its name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            functions = (item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef))
            names.update(f"{node.name}.{function.name}" for function in functions)
    return names


def _named_in_table(text: str) -> set[str]:
    return set(_FILE.findall("\n".join(line for line in text.splitlines() if line.startswith("| `"))))


def test_it_fits_on_a_page() -> None:
    """What is right for many reasons is explained nowhere."""
    assert max(len(text.splitlines()) for text in (README, *ROOMS.values())) <= MOST_LINES


def test_it_names_every_file() -> None:
    """No file of a folder is missing in its table, and none is named that is gone."""
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.py") if path.name != "__init__.py"}
    in_rooms = {f"{room}/{name}" for room, text in ROOMS.items() for name in _named_in_table(text)}

    assert _named_in_table(README) == {name for name in files if name.partition("/")[0] not in ROOMS}
    assert in_rooms == {name for name in files if name.partition("/")[0] in ROOMS}


def test_every_step_of_a_diagram_is_defined_in_the_file_beside_it() -> None:
    """A class or function that is renamed or moved is renamed or moved in the diagrams."""
    steps = [step for diagram in fenced(README, "text") for step in _STEP.findall(diagram)]

    assert steps
    assert [(name, file) for name, file in steps if name not in _defined(FOLDER / file)] == []


def test_every_test_exists() -> None:
    """Each rule names the tests that prove it."""
    tests = [found for text in (README, *ROOMS.values()) for found in _TEST.findall(text)]

    assert tests
    assert [(path, name) for path, name in tests if name and name not in _defined(ROOT / path)] == []
    assert [path for path, _ in tests if not (ROOT / path).is_file()] == []
