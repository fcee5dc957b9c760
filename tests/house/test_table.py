"""How the measures are printed."""

from pathlib import Path

import pytest

from tests.house.__main__ import main
from tests.house.collected import collected
from tests.house.made_up import tree_of
from tests.house.table import Row, rendered


def test_a_row_has_its_value_its_aim_and_its_places() -> None:
    """Places are indented below the row."""
    printed = rendered("sizes", [Row(measure="files", value=2, aim="0", places=("a.py", "b.py"))])

    assert [line.split() for line in printed.splitlines()] == [
        [],
        ["==", "sizes"],
        ["files", "2", "0"],
        ["a.py"],
        ["b.py"],
    ]


def test_another_checkout_is_measured_without_being_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The graph of imports is read from it too."""
    packages = {f"{package}/__init__.py": "raise SystemExit\n" for package in ("app", "providers", "observability")}
    tree_of(tmp_path, {**packages, "app/a.py": "def f():\n    return created_before\n"})

    main(["--root", str(tmp_path)])

    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["lines", "of", "them", "5"] in printed
    assert ["import", "circles", "0", "0"] in printed


@pytest.mark.thorough
def test_tests_are_counted_as_pytest_collects_them(tmp_path: Path) -> None:
    """Each case of a parameter is one."""
    source = """
    import pytest

    @pytest.mark.parametrize("number", [1, 2])
    def test_numbers(number): ...

    def test_another(): ...

    def helper(): ...
    """
    tree_of(tmp_path, {"tests/test_some.py": source})

    assert collected(tmp_path) == 3
