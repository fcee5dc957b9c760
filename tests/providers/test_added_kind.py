"""Adding a kind of provider is one folder, and one member of the union in the factory."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from filecmp import dircmp
from pathlib import Path
from typing import get_args

import httpx
import pytest

from providers.embedders.settings import EmbedderSettings
from providers.factory import ProviderSettings
from providers.journal.settings import JournalSettings
from tests.support.service import Service, environment, ninai, running_service

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "providers", "observability")
_KINDS = "NativeSettings | Mem0Settings | RedisSettings | OpenSearchSettings | PineconeSettings | MockSettings"
UNION = f"ProviderSettings = {_KINDS}\n"
MEMBER = UNION.replace("\n", " | ScratchSettings\n")
IMPORT = "from providers.scratch.settings import ScratchSettings\n"
CONFIGURATION = """
order = ["notes", "mock"]

[providers.notes]
kind = "scratch"
pad = "blue"

[providers.mock]
"""
FROM_THE_ENVIRONMENT = {"NINAI__PROVIDERS__NOTES__SHEETS": "5"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product in which somebody has added the kind "scratch"."""
    root = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    folder = root / "providers" / "scratch"
    shutil.copytree(root / "providers" / "memory", folder)
    shutil.copy(ROOT / "tests" / "support" / "scratch_settings.py", folder / "settings.py")
    for file in folder.iterdir():
        file.write_text(file.read_text().replace("providers.memory", "providers.scratch").replace("Mock", "Scratch"))
    factory = root / "providers" / "factory.py"
    after = "from providers.replica import"
    factory.write_text(factory.read_text().replace(after, IMPORT + after).replace(UNION, MEMBER))
    return root


@pytest.fixture(scope="module")
def variables(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What has commands run that product, with a provider of the new kind as home."""
    file = tmp_path_factory.mktemp("configured") / "ninai.toml"
    file.write_text(CONFIGURATION)
    return {"PYTHONPATH": str(tree), "NINAI_CONFIG": str(file), **FROM_THE_ENVIRONMENT}


@pytest.fixture(scope="module")
def service(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of that product."""
    with running_service(tmp_path_factory.mktemp("service"), variables) as started:
        yield started


def test_one_folder_and_one_member_are_all(tree: Path) -> None:
    """No other file is touched, and of the factory two lines: the member, and its import."""
    for package in ("app", "observability"):
        assert differences(dircmp(ROOT / package, tree / package, ignore=["__pycache__"])) == []
    assert differences(dircmp(ROOT / "providers", tree / "providers", ignore=["__pycache__"])) == [
        "factory.py",
        "scratch",
    ]
    before = (ROOT / "providers" / "factory.py").read_text().splitlines(keepends=True)
    after = (tree / "providers" / "factory.py").read_text().splitlines(keepends=True)
    assert [line for line in after if line not in before] == [IMPORT, MEMBER]
    assert [line for line in before if line not in after] == [UNION]


def differences(compared: dircmp[str]) -> list[str]:
    """Return the names of what is different, or in one of the two folders only."""
    below = [name for folder in compared.subdirs.values() for name in differences(folder)]
    return sorted([*compared.left_only, *compared.right_only, *compared.diff_files, *below])


def test_nobody_asks_which_kind_it_is() -> None:
    """Of providers, journals and embedders; only what a kind itself says would be true of a new one."""
    kinds = {
        table.__name__ for union in (ProviderSettings, JournalSettings, EmbedderSettings) for table in get_args(union)
    }
    asked = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", None) == "isinstance"
        and kinds & {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
    ]
    assert asked == []


def test_every_import_contract_covers_the_new_folder(tree: Path) -> None:
    """It keeps them, and would break them with an import of another backend."""
    assert contracts_in(tree) == 0
    other = tree / "providers" / "scratch" / "other.py"
    other.write_text("from providers.memory import store\n")
    try:
        assert contracts_in(tree) == 1
    finally:
        other.unlink()


def contracts_in(tree: Path) -> int:
    """Return the exit code of the linter of imports."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(  # noqa: S603 - our own command
        command, cwd=tree, env=environment(PYTHONPATH=str(tree)), capture_output=True, check=False
    ).returncode


def test_file_and_environment_configure_it(variables: dict[str, str]) -> None:
    """Each of its settings is shown with where it came from."""
    shown = json.loads(ninai("config", "show", "--json", **variables).stdout)

    notes = {path: one["value"] for path, one in shown.items() if path.startswith("providers.notes.")}
    assert notes == {
        "providers.notes.kind": "scratch",
        "providers.notes.pad": "blue",
        "providers.notes.sheets": 5,
    }
    assert shown["providers.notes.sheets"]["origin"] == "NINAI__PROVIDERS__NOTES__SHEETS"


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"NINAI__PROVIDERS__NOTES__SHEETS": "0"}, "$.providers.notes.sheets: notes has none left"),
        (
            {
                "NINAI__ORDER": "notes,other",
                "NINAI__PROVIDERS__OTHER__KIND": "scratch",
                "NINAI__PROVIDERS__OTHER__PAD": "blue",
            },
            '$.order: "notes" and "other" are one database',
        ),
        ({"NINAI__PROVIDERS__NOTES__SHEET": "5"}, '$.providers.notes.sheet: unknown key, did you mean "sheets"?'),
    ],
)
def test_what_is_wrong_with_it_is_refused(variables: dict[str, str], changed: dict[str, str], refusal: str) -> None:
    """By the kind itself, by twins, and by the names of its settings."""
    ended = ninai("config", "check", **variables | changed)

    assert ended.returncode == 2
    assert refusal in ended.stderr


def test_the_doctor_examines_it(variables: dict[str, str], tmp_path: Path) -> None:
    """With the checks of the kind."""
    ended = ninai("doctor", "--json", "--data-dir", tmp_path, **variables)

    findings = {one["name"]: one for one in json.loads(ended.stdout)["findings"]}
    assert ended.returncode == 0
    assert findings["providers.notes.pad"]["found"] == "it is blue"
    assert findings["providers.notes.health"]["found"] == "healthy"


def test_it_is_taken_through_every_operation(variables: dict[str, str]) -> None:
    """By `ninai providers test`."""
    ended = ninai("providers", "test", "notes", "--json", **variables)

    report = json.loads(ended.stdout)
    assert (ended.returncode, report["kind"], report["ok"]) == (0, "scratch", True)


def test_it_serves(service: Service) -> None:
    """What is remembered is recalled, from that provider."""
    with httpx.Client(base_url=service.url, trust_env=False) as http:
        stored = http.post("/memory/remember", json={"content": "tea at noon"})
        recalled = http.post("/memory/recall", json={"query": "tea"})

    assert (stored.status_code, recalled.status_code) == (200, 200)
    assert [memory["content"] for memory in recalled.json()["memories"]] == ["tea at noon"]


def test_metrics_and_console_name_it(service: Service) -> None:
    """By its kind; the console shows the limit that the kind has set."""
    page = httpx.get(f"{service.url}/console", trust_env=False, follow_redirects=True).text

    assert 'ninai_provider_info{kind="scratch",provider="notes"} 1.0' in service.metrics()
    assert '<span class="badge plain">scratch</span>' in page
    assert "0 of 5" in page
